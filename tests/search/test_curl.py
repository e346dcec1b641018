"""A log as a curl command, run by a real shell and a real curl against a server on loopback."""

import json
import shutil
import subprocess
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from monitor.search.curl import as_curl, notes_on
from monitor.search.detail import LogDetail
from tests.search.echo import BODIES, MASKED, Echo, a_detail

SHELLS = [shell for shell in ("bash", "dash", "zsh") if shutil.which(shell)]


def run(echo: Echo, detail: LogDetail, *, shell: str = SHELLS[0]) -> SimpleNamespace:
    """What arrived when the command was pasted into a shell."""
    echo.arrived.clear()
    command = as_curl(detail)
    done = subprocess.run([shell, "-c", command], capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, (command, done.stderr)
    assert len(echo.arrived) == 1, command
    return echo.arrived[0]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_arrives_byte_by_byte_from_any_shell(echo, shell, body):
    detail = a_detail(
        f"{echo.origin}/orders",
        method="POST",
        request_body=body,
        request_headers={"Content-Type": "text/plain"},
    )

    arrived = run(echo, detail, shell=shell)

    assert arrived.method == "POST"
    assert arrived.body == body.encode()
    assert arrived.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_nothing_in_the_command_is_a_key_that_a_terminal_obeys(body):
    detail = a_detail("https://shop.example/a\x1bb\r", request_body=body, request_headers={"X": "a\x07\tb"})

    command = as_curl(detail)

    assert [character for character in command if character != "\n" and not character.isprintable()] == []


@pytest.mark.parametrize(
    "target",
    [
        "/orders?a=1&b=2",
        "/orders/{id}/[0]?q={x,y}&r=[1-3]",
        "/a/../b/./c",
        "/it's/$HOME/`id`?q=$(id)&x=a;b",
        "/grün/世界?q=übergröße",
        "/a b?c=d e",
        '/"quoted"?<tag>',
        "/100%25?x=%2F",
    ],
)
def test_an_address_arrives_as_it_was_logged(echo, target):
    arrived = run(echo, a_detail(f"{echo.origin}{target}"))

    was, came = urlsplit(target), urlsplit(arrived.target)
    assert unquote(came.path) == unquote(was.path)
    assert parse_qsl(came.query) == parse_qsl(was.query)


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT")


# curl sends no body with HEAD.
@pytest.mark.parametrize(
    ("method", "body"),
    [("HEAD", None), *((method, body) for method in METHODS for body in (None, '{"a": 1}'))],
)
def test_a_method_arrives_with_and_without_a_body(echo, method, body):
    arrived = run(echo, a_detail(f"{echo.origin}/x", method=method, request_body=body))

    assert arrived.method == method
    assert arrived.body == (body or "").encode()


def test_headers_arrive_with_all_their_values(echo):
    headers = {
        "Accept": "application/json",
        "Accept-Language": ["en", "de;q=0.5"],
        "X-Quote": 'it\'s "quoted" $HOME',
        "X-Empty": "",
        "X-Two-Lines": "a\r\nX-Injected: b",
        "User-Agent": "@/etc/passwd",
    }

    arrived = run(echo, a_detail(f"{echo.origin}/x", request_headers=headers)).headers

    assert arrived["Accept"] == "application/json"
    assert arrived.get_all("Accept-Language") == ["en", "de;q=0.5"]
    assert arrived["X-Quote"] == 'it\'s "quoted" $HOME'
    assert arrived["X-Empty"] == ""
    assert arrived["X-Two-Lines"].split() == ["a", "X-Injected:", "b"]
    assert arrived["X-Injected"] is None
    assert arrived["User-Agent"] == "@/etc/passwd"


def test_what_belongs_to_the_old_connection_is_left_to_curl(echo):
    headers = {
        "Host": "shop.example",
        "Content-Length": "3",
        "Transfer-Encoding": "chunked",
        "Connection": "keep-alive",
        "bad name": "x",
        "@/etc/passwd": "x",
    }
    detail = a_detail(f"{echo.origin}/x", method="POST", request_body="four", request_headers=headers)

    arrived = run(echo, detail)

    assert arrived.headers["Host"] == echo.origin.removeprefix("http://")
    assert arrived.headers["Content-Length"] == "4"
    assert "passwd" not in as_curl(detail)


def test_a_body_without_a_type_is_not_called_a_form(echo):
    arrived = run(echo, a_detail(f"{echo.origin}/x", method="POST", request_body="a=1"))

    assert arrived.headers["Content-Type"] is None


def test_an_address_without_a_host_hangs_on_the_service(echo):
    arrived = run(echo, a_detail("/orders?a=1", base_url=f"{echo.origin}/"))

    assert arrived.target == "/orders?a=1"


def test_masked_values_stay_masked_and_the_reader_is_told(echo):
    detail = a_detail(
        f"{echo.origin}/x?token={MASKED}",
        method="POST",
        request_headers={"Authorization": f"Bearer {MASKED}", "Content-Type": "application/json"},
        request_body=json.dumps({"password": MASKED}),
    )

    arrived = run(echo, detail)

    assert arrived.target == f"/x?token={MASKED}"
    assert arrived.headers["Authorization"] == f"Bearer {MASKED}"
    assert json.loads(arrived.body) == {"password": MASKED}
    assert "Masked values" in notes_on(detail, as_curl(detail))[0]


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        (a_detail("https://shop.example/", request_body="{", request_truncated=True), "was cut"),
        (a_detail("https://shop.example/", request_body_dropped=True), "was not kept"),
        (a_detail("/orders"), "place of HOST"),
    ],
)
def test_the_reader_is_told_what_is_missing(detail, words):
    (note,) = notes_on(detail, as_curl(detail))

    assert words in note


def test_a_complete_log_needs_no_words():
    detail = a_detail("https://shop.example/orders", method="POST", request_body="{}")

    assert notes_on(detail, as_curl(detail)) == []
