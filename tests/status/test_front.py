"""What the event loop answers by itself, and what it leaves to Django."""

import asyncio
import time

import httpx
import pytest

from monitor.status.answers import Answer
from monitor.status.cache import AnswerCache
from monitor.status.front import StatusFront
from tests.factories import an_organization
from tests.monitors.scenes import a_monitor
from tests.status.scenes import a_page
from tests.web import running_web_server

KEY = ("shop.example", "/status/shop")


@pytest.fixture
def cache(db):
    cache = AnswerCache()
    cache.keep(KEY, Answer.of(b"the page", "text/html"), page_id=an_organization().id)
    return cache


def ask(cache, method="GET", *, host=b"shop.example", path="/status/shop", scheme="http", **headers):
    sent = []

    async def behind(scope, receive, send):
        await send({"type": "http.response.start", "status": 418, "headers": []})

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "scheme": scheme,
        "headers": [(b"host", host), *((name.encode(), value) for name, value in headers.items())],
    }
    asyncio.run(StatusFront(behind, cache=cache)(scope, None, send))
    return sent


def test_what_is_fresh_is_answered_and_a_head_has_no_body(cache):
    start, body = ask(cache)
    assert (start["status"], body["body"]) == (200, b"the page")
    assert dict(start["headers"])[b"content-length"] == b"8"
    start, body = ask(cache, "HEAD")
    assert (start["status"], body["body"]) == (200, b"")
    known = dict(start["headers"])[b"etag"]
    start, body = ask(cache, **{"if-none-match": known})
    assert (start["status"], body["body"]) == (304, b"")
    assert b"content-type" not in dict(start["headers"])


@pytest.mark.parametrize(
    ("method", "differs"),
    [("POST", {}), ("GET", {"host": b"other.example"}), ("GET", {"path": "/status/other"})],
)
def test_another_host_path_or_method_is_djangos(cache, method, differs):
    assert ask(cache, method, **differs)[0]["status"] == 418


def test_plain_http_is_left_to_be_redirected_where_all_is_https(cache, settings):
    settings.HTTPS = True
    settings.SECURE_PROXY_SSL_HEADER = None
    assert ask(cache)[0]["status"] == 418
    assert ask(cache, scheme="https")[0]["status"] == 200
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert ask(cache, scheme="https")[0]["status"] == 418
    assert ask(cache, **{"x-forwarded-proto": b"https"})[0]["status"] == 200


@pytest.mark.django_db(transaction=True)
def test_a_thousand_readers_of_a_real_server_cost_it_a_few_renderings(tmp_path):
    organization = an_organization()
    a_page(organization, a_monitor(organization, name="Web"))

    address = "/status/shop/api/v2/summary.json"
    with (
        running_web_server(STATUS_COPIES_DIR=str(tmp_path)) as server,
        httpx.Client(base_url=server.address) as reader,
    ):
        first = reader.get(address)
        assert "x-request-id" in first.headers
        started = time.monotonic()
        answers = [reader.get(address) for _ in range(1000)]
        elapsed = time.monotonic() - started

    # Django names each answer it makes; those of the front are named by nobody.
    made = [answer for answer in answers if "x-request-id" in answer.headers]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content for answer in answers} == {first.content}
    assert len(made) <= elapsed / 10 + 1
