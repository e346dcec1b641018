"""Equal failures read the same, and different ones do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.issues.messages import field_path, headline, normalize


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Order 4711 is not payable", "Order {n} is not payable"),
        ("Order 9f3cab12-1111-2222-3333-444455556666 is gone", "Order {id} is gone"),
        ("KeyError: 'sku'", "KeyError: {value}"),
        ("can't pay what wasn't ordered", "can't pay what wasn't ordered"),
        ('violates "orders_pkey" for jo@example.com', "violates {value} for {email}"),
        ("connect to 10.0.0.7:5432 after 30s", "connect to {address} after {n}s"),
        ("no route to fe80::1:2:3", "no route to {address}"),
        ("object at 0x7f3e2a1b", "object at {address}"),
        ("GET https://pay.example/charges?id=1 failed", "GET {url} failed"),
        ("expired at 2026-11-21T10:00:00.5Z, now 10:00:01", "expired at {time}, now {time}"),
        ("took 1500.5 ms of -5 and 1,000", "took {n} ms of {n} and {n}"),
        ("user_123 and ord8812 and deadbeef12", "user_{n} and {id} and {id}"),
        ("oauth2 over http2 in html5", "oauth2 over http2 in html5"),
        ("a\n  b\t c", "a b c"),
    ],
)
def test_what_differs_from_request_to_request_is_taken_out(message, expected):
    assert normalize(message) == expected


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=400))
def test_any_text_becomes_a_short_line(text):
    message = normalize(text)

    assert len(message) <= 300
    assert "\n" not in message


def test_hostile_texts_take_no_time():
    for text in ("a@" * 40_000, "'" * 50_000, "1." * 50_000, ":" * 50_000, "a-" * 50_000):
        assert len(normalize(text)) <= 300


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("ValueError: no\n  at somewhere", "ValueError: no"),
        (
            'Traceback (most recent call last):\n  File "a.py", line 1\nZeroDivisionError: by zero\n',
            "ZeroDivisionError: by zero",
        ),
        ("\n\n  boom", "boom"),
        ("   ", ""),
    ],
)
def test_the_line_that_says_what_happened_is_found(error, line):
    assert headline(error) == line


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (["body", "items", 0, "price"], "body.items[].price"),
        (["items", "12", "price"], "items[].price"),
        (["items[3]", "price"], "items[].price"),
        (["9f3cab12-1111-2222-3333-444455556666", "price"], "{id}.price"),
        ([], ""),
    ],
)
def test_a_field_is_the_same_whichever_item_it_was_of(parts, path):
    assert field_path(parts) == path
