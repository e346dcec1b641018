"""What the event loop answers by itself, and what it leaves to Django."""

import asyncio
import gzip
import time
from uuid import uuid4

import httpx
import pytest
from django.test import RequestFactory

from monitor.models import StatusPage
from monitor.status.answers import Answer
from monitor.status.cache import CACHE, AnswerCache
from monitor.status.front import StatusFront
from monitor.status.public import at_slug
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


@pytest.mark.parametrize(("takes_s", "told"), [(0.0, b"the new page"), (5.0, b"the page")])
def test_a_reader_who_would_wait_too_long_for_a_new_page_is_given_the_old_one(takes_s, told):
    now, made = [0.0], []
    cache = AnswerCache(clock=lambda: now[0])
    cache.keep(KEY, Answer.of(b"the page", "text/html"), page_id=uuid4())
    now[0] += 60

    async def behind(scope, receive, send):
        await asyncio.sleep(takes_s)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the new page"})
        made.append(True)

    async def asked():
        sent = []

        async def send(message):
            sent.append(message)

        headers = [(b"host", KEY[0].encode())]
        scope = {"type": "http", "method": "GET", "path": KEY[1], "scheme": "http", "headers": headers}
        front = StatusFront(behind, cache=cache, patience_s=0.2)
        began = time.monotonic()
        await front(scope, None, send)
        assert time.monotonic() - began < 3
        return sent

    start, body = asyncio.run(asked())

    assert (start["status"], body["body"]) == (200, told)
    assert made == ([True] if takes_s == 0 else [])


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
    ("takes", "is_packed"),
    [
        (b"gzip, br", True),
        (b"br;q=1.0, GZIP;q=0.5", True),
        (b"gzip;q=0", False),
        (b"br", False),
        (b"", False),
    ],
)
def test_a_long_page_is_sent_packed_to_those_who_take_it(db, takes, is_packed):
    cache, page = AnswerCache(), Answer.of(b"a bar " * 1000, "text/html")
    cache.keep(KEY, page, page_id=uuid4())

    start, body = ask(cache, **{"accept-encoding": takes})

    headers = dict(start["headers"])
    assert headers[b"vary"] == b"Accept-Encoding"
    assert (headers.get(b"content-encoding") == b"gzip") == is_packed
    assert int(headers[b"content-length"]) == len(body["body"])
    assert (gzip.decompress(body["body"]) if is_packed else body["body"]) == page.body
    # Whichever was sent, a reader who has it is sent no bytes.
    again, nothing = ask(cache, **{"accept-encoding": takes, "if-none-match": headers[b"etag"]})
    assert (again["status"], nothing["body"]) == (304, b"")


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


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(CACHE, "_clock", lambda: now[0])
    return now


@pytest.mark.django_db
def test_who_is_sent_on_for_a_new_page_is_given_a_new_one(clock):
    """Front and view ask the same memory: what the first promised, the second has to keep."""
    page = a_page(an_organization(), name="Before")

    def read():
        headers = [(b"host", b"testserver")]
        scope = {"type": "http", "method": "GET", "path": "/status/shop", "headers": headers}
        if known := StatusFront(at_slug)._known(scope):
            return "the front", "After" in known.body.decode()
        made = at_slug(RequestFactory().get("/status/shop", headers={"host": "testserver"}), "shop")
        return "Django", "After" in made.content.decode()

    assert [read(), read()] == [("Django", False), ("the front", False)]
    StatusPage.objects.filter(id=page.id).update(name="After")
    for moment in (9.9, 10.0, 10.1, 20.1):
        clock[0] = moment
        assert (
            read()
            == {
                9.9: ("the front", False),
                10.0: ("Django", True),
                10.1: ("the front", True),
                20.1: ("Django", True),
            }[moment]
        )


def test_while_one_makes_the_new_page_the_others_have_the_old_one_from_both():
    now = [0.0]
    cache = AnswerCache(clock=lambda: now[0])
    old = Answer.of(b"old", "text/html")
    cache.keep(KEY, old, page_id=uuid4())
    now[0] = 10.0

    assert cache.fresh(KEY, hands_on=True) is None
    assert cache.fresh(KEY, hands_on=True) is old
    assert [cache.fresh(KEY), cache.fresh(KEY)] == [None, old]
    # The one who was sent did not come back: another is sent.
    now[0] = 13.0
    assert cache.fresh(KEY, hands_on=True) is None


@pytest.mark.django_db(transaction=True)
def test_a_thousand_readers_of_a_real_server_cost_it_a_few_renderings(tmp_path):
    organization = an_organization()
    a_page(organization, a_monitor(organization, name="Web"))

    address = "/status/shop/api/v2/summary.json"
    with (
        running_web_server(STATUS_COPIES_DIR=str(tmp_path)) as server,
        httpx.Client(base_url=server.address, timeout=60) as reader,
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
