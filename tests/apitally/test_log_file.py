"""From the log files of real clients 0.x to log items."""

import base64
import gzip
import json

import pytest

from monitor.apitally.log_file import lines_of, read_items
from monitor.ingest.decode import LogItem, Undecodable
from monitor.lib.masking import MASK
from tests.apitally.captures import EXPECTED, sent


def items_of(name):
    return list(read_items(sent(name), "dev"))


def joined(headers):
    return headers and {
        name: ", ".join(value) if isinstance(value, list) else value for name, value in headers.items()
    }


def row_of(item: LogItem):
    """The item in the words of the expected rows."""
    return {
        "dedupe": item.event_id,
        "timestamp": pytest.approx(item.timestamp, abs=0.001),
        "environment": item.environment,
        "method": item.method,
        "url": item.url,
        "path": item.path,
        "route": item.route,
        "status_code": item.status_code,
        "latency_ms": pytest.approx(item.latency_ms, abs=0.001),
        "query_params": item.query_params or {},
        "request_headers": joined(item.request_headers),
        "response_headers": joined(item.response_headers),
        "request_body": item.request_body,
        "response_body": item.response_body,
        "source_ip": item.source_ip,
        "consumer": item.consumer,
        "trace_id": item.trace_id,
    }


NAMES = row_of(LogItem(method="GET", url="/", path="/", timestamp=0.0, latency_ms=0.0)).keys()


def expected_of(row, *, is_javascript):
    wanted = {name: row[name] for name in NAMES}
    if is_javascript:
        # Its clients tell when the request ended.
        wanted["timestamp"] -= row["latency_ms"] / 1000
    for side in ("request_headers", "response_headers"):
        wanted[side] = wanted[side] or None
    for side in ("request_body", "response_body"):
        if isinstance(wanted[side], dict):
            wanted[side] = MASK if wanted[side]["omitted"] == "masked" else None
    return wanted


@pytest.mark.parametrize("name", EXPECTED)
def test_each_request_becomes_the_expected_row(name):
    rows = {row["dedupe"]: row for row in map(row_of, items_of(name))}

    assert rows == {row["dedupe"]: expected_of(row, is_javascript="-js" in name) for row in EXPECTED[name]}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_exception_becomes_the_error_with_its_stack(name):
    errors = {item.event_id: item.error for item in items_of(name)}

    for row in EXPECTED[name]:
        told, error = row["error"], errors[row["dedupe"]]
        if told is None:
            assert error is None
        else:
            head, _, stack = error.partition("\n")
            assert head == f"{told['type'].removeprefix('builtins.')}: {told['message']}"
            assert stack.startswith(("Traceback", "    at ")) == told["has_stack"]


def a_line(**request):
    request = {"method": "GET", "url": "http://shop/x", "path": "/x", "timestamp": 1.0, **request}
    return {"uuid": "u", "request": request, "response": {"status_code": 200, "response_time": 0.1}}


def test_a_body_that_the_application_compressed_is_unpacked():
    line = a_line(body=base64.b64encode(gzip.compress(b'{"password": "x"}')).decode())

    (item,) = read_items(json.dumps(line).encode(), "dev")

    assert item.request_body == '{"password": "x"}'


def test_broken_lines_are_skipped_and_the_others_read():
    good = json.dumps(a_line()).encode()
    body = gzip.compress(b"\n".join([b"{", good, b"[1]", b"", good]))

    kinds = [type(each) for each in read_items(body, "dev")]

    assert kinds == [Undecodable, LogItem, Undecodable, LogItem]


def test_a_number_of_hundreds_of_digits_spoils_its_line_alone():
    good, endless = a_line(), 10**400
    slow = {**good, "response": {"status_code": 200, "response_time": endless}}
    body = b"\n".join(json.dumps(each).encode() for each in (slow, good, a_line(timestamp=endless)))

    kinds = [type(each) for each in read_items(body, "dev")]

    assert kinds == [Undecodable, LogItem, Undecodable]


def test_a_file_that_breaks_off_gives_what_came_before():
    whole = gzip.compress(b"\n".join(json.dumps(a_line(n=n, pad="x" * n)).encode() for n in range(3000)))

    items = [each for each in read_items(whole[: len(whole) // 2], "dev") if isinstance(each, LogItem)]

    assert 0 < len(items) < 3000


def test_a_line_that_never_ends_is_left_out_and_takes_no_memory(settings):
    settings.MAX_APITALLY_LINE_BYTES = 100_000
    body = gzip.compress(b"a" * 5_000_000 + b"\n{}\n")

    lines = list(lines_of(body))

    assert lines == [None, b"{}"]


def test_a_bomb_ends_at_the_limit(settings):
    settings.MAX_APITALLY_FILE_BYTES = 1_000_000
    body = gzip.compress(b"{}\n" * 10_000_000)

    assert sum(len(line) + 1 for line in lines_of(body) if line) <= 1_000_001
