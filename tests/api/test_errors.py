"""Every error is a problem, and every answer has its request id."""

import json
import re
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from monitor.api.errors import ON_PAGES, PROBLEMS, STATUS_CODES, DatabaseAwayMiddleware
from monitor.lib.requestids import request_id_for
from tests.access.routes import api_routes
from tests.factories import UNKNOWN_ID, a_client, a_key, a_service, a_user, an_organization, post_json

pytestmark = pytest.mark.django_db
MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


@pytest.fixture
def caller():
    service = a_service()
    return a_client(a_key(service, scopes=["ingest", "read", "replay", "manage"])[1])


def assert_problem(answer, status, code):
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) - {"errors"} == MEMBERS
    assert (body["status"], body["code"], body["title"]) == (status, code, PROBLEMS[code][0])
    assert body["request_id"] == answer["X-Request-Id"]
    assert body["detail"]
    for error in body.get("errors", []):
        assert set(error) == {"field", "pointer", "code", "message"}
        assert error["pointer"].startswith("#/")
    return body


@pytest.mark.parametrize(
    "address",
    ["/v1", "/v1/", "/v1/nothing", "/v1/logs/", "/v1/services/1/2/3", "/v1/%00", "/v1/\u00fc", "/v2/logs"],
)
def test_an_unknown_route_is_a_problem(caller, address):
    assert_problem(caller.get(address), 404, "not_found")


def test_a_browser_that_is_lost_gets_a_page():
    answer = Client(headers={"Accept": "text/html,*/*"}).get("/nowhere")

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")
    assert answer["X-Request-Id"] in answer.content.decode()


@pytest.mark.parametrize("pattern", sorted(api_routes()))
def test_a_method_that_a_route_does_not_know_is_405(caller, pattern):
    route = api_routes()[pattern]
    address = route.address_of_nothing()
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - set(route.methods):
        answer = caller.generic(method, address)

        assert_problem(answer, 405, "method_not_allowed")
        assert set(route.methods) <= set(answer["Allow"].split(", "))


@pytest.mark.parametrize("pattern", sorted(api_routes()))
def test_options_answers_what_a_route_takes(caller, pattern):
    route = api_routes()[pattern]
    address = route.address_of_nothing()

    answer = caller.options(address)

    assert answer.status_code == 200
    assert set(route.methods) <= set(answer["Allow"].split(", "))


@pytest.mark.parametrize(
    "address", ["/v1/services", "/v1/logs", "/v1/metrics", "/v1/alerts", "/health", "/openapi.json"]
)
def test_head_is_get_without_the_body(caller, address):
    answer = caller.head(address)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Request-Id"]


@pytest.mark.parametrize(
    "address",
    ["/v1/services", "/v1/logs", "/health", "/health/live", "/openapi.json", "/v1/nothing", "/docs"],
)
def test_an_id_that_is_no_good_is_replaced_by_one_of_ours(caller, address):
    first, second = (caller.get(address, headers={"X-Request-Id": "mine"}) for _ in range(2))

    assert re.fullmatch(r"req_[0-9a-z]{20}", first["X-Request-Id"])
    assert first["X-Request-Id"] != second["X-Request-Id"]


@pytest.mark.parametrize("address", ["/v1/services", "/v1/nothing", "/health/live", "/docs"])
def test_a_callers_own_id_names_the_request(caller, address):
    answer = caller.get(address, headers={"X-Request-Id": "checkout-7f3a_01"})

    assert answer["X-Request-Id"] == "checkout-7f3a_01"
    if answer.status_code >= 400:
        assert answer.json()["request_id"] == "checkout-7f3a_01"


@pytest.mark.parametrize(
    ("story", "sent"),
    [
        ("too short", "a" * 7),
        ("too long", "a" * 65),
        ("a blank", "abc def ghi"),
        ("markup", "<b>abcdefgh</b>"),
        ("a line break", "abcdefgh\n"),
        ("digits of another script", "\u0661" * 9),
        ("nothing", ""),
        ("an API key", "mkey_" + "0" * 38),
        ("a token, not all of it", "for-mpat_0123456789abcdef"),
    ],
    ids=range(9),
)
def test_only_plain_ids_are_taken(story, sent):
    assert re.fullmatch(r"req_[0-9a-z]{20}", request_id_for(sent))


@pytest.mark.parametrize(
    "address",
    ["/v1/services", f"/v1/services/{UNKNOWN_ID}/keys", "/v1/alerts", f"/v1/logs/{UNKNOWN_ID}/replay"],
)
class TestBodies:
    """What every route that reads JSON makes of bodies that are none."""

    @pytest.fixture
    def manager(self):
        return a_client(a_key(organization=an_organization(), scopes=["read", "replay", "manage"])[1])

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"name=shop",
            b"\xff\xfe",
            b'{"name": "\\ud800"}',
            b'{"name": "\\u0000"}',
            b'{"\\u0000": "x"}',
            b'{"name": NaN}',
            b'{"name": 1e999}',
            b"{" * 10_000,
            b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
            b'{"a":' * 600 + b"1" + b"}" * 600,
            b"[" * 800 + b"]" * 800,
            b"[]",
            b'"name"',
            b"null",
            b"7",
            b'{"name": ' + b"9" * 100_000 + b"}",
        ],
        ids=lambda body: repr(body[:20]),
    )
    def test_a_broken_body_is_refused(self, manager, address, body):
        answer = manager.post(address, body, content_type="application/json")

        assert answer.status_code in (400, 404)
        assert_problem(answer, answer.status_code, answer.json()["code"])

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/xml", "multipart/form-data", "", "nonsense"]
    )
    def test_another_media_type_is_415(self, manager, address, content_type):
        answer = manager.post(address, b'{"name": "shop"}', content_type=content_type)

        # Where an id is looked up first, nobody is told what it would have taken.
        assert answer.status_code in (415, 404)
        assert_problem(answer, answer.status_code, answer.json()["code"])

    def test_a_body_beyond_the_limit_is_413(self, manager, address, settings):
        body = json.dumps({"name": "x" * settings.MAX_LOG_BYTES})

        answer = manager.post(address, body, content_type="application/json")

        assert answer.status_code in (413, 404)
        assert_problem(answer, answer.status_code, answer.json()["code"])

    def test_an_empty_body_is_no_crash(self, manager, address):
        for content_type in ("application/json", ""):
            answer = manager.generic("POST", address, b"", content_type=content_type)
            assert answer.status_code in (400, 404)


def test_the_rest_of_a_refusal_of_services_is_exact():
    """The class above allows 404 where an id is looked up first; here nothing is."""
    manager = a_client(a_key(organization=an_organization(), scopes=["read", "manage"])[1])

    def send(body, content_type="application/json"):
        return manager.post("/v1/services", body, content_type=content_type)

    assert_problem(send(b"{"), 400, "malformed_json")
    assert_problem(send(b'{"a":' * 600 + b"1" + b"}" * 600), 400, "malformed_json")
    assert_problem(send(b'{"name": "\\u0000"}'), 400, "malformed_json")
    assert_problem(send(b"[]"), 400, "malformed_json")
    assert_problem(send(b"a=b", "application/x-www-form-urlencoded"), 415, "unsupported_media_type")
    assert_problem(send(b'{"name":"' + b"x" * 1024 * 1024 + b'"}'), 413, "body_too_large")


@pytest.mark.parametrize("size", [10, 3 * 1024 * 1024])
@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_form_from_a_signed_in_browser_is_refused_whatever_its_size(size, content_type):
    person = Client(enforce_csrf_checks=True)
    person.force_login(a_user(an_organization(), "owner"))

    answer = person.post("/v1/services", b"name=" + b"x" * size, content_type=content_type)

    assert answer.status_code in (400, 403, 413, 415)
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "accept",
    ["application/json", "*/*", "text/html,application/xml;q=0.9,*/*;q=0.8", "", "application/xml", "a/b/c"],
)
def test_the_answer_is_json_whatever_a_client_would_rather_have(caller, accept):
    answer = caller.get("/v1/services", headers={"Accept": accept})

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "a b", ""])
def test_a_foreign_host_header_is_refused(host):
    answer = Client().get("/v1/services", headers={"Host": host})

    assert_problem(answer, 400, "validation_error")


def test_an_error_of_ours_is_a_problem_without_its_reason(caller, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("secret reason")

    monkeypatch.setattr("monitor.ingest.api.accept", fail)
    caller.raise_request_exception = False

    answer = post_json(caller, "/v1/logs", {"method": "GET", "url": "/", "path": "/"})

    assert_problem(answer, 500, "internal_error")
    assert "secret reason" not in answer.content.decode()


def test_a_database_that_is_away_is_503(caller, monkeypatch):
    def fail(*arguments, **options):
        raise OperationalError("connection to server at 10.0.0.1 failed: password=x")

    monkeypatch.setattr("monitor.ingest.api.accept", fail)
    caller.raise_request_exception = False

    answer = post_json(caller, "/v1/logs", {"method": "GET", "url": "/", "path": "/"})

    assert_problem(answer, 503, "database_unavailable")
    assert "10.0.0.1" not in answer.content.decode()


def test_a_problem_points_into_the_body(caller):
    answer = post_json(caller, "/v1/logs", {"method": "GET", "url": "/", "path": "/", "tags": ["a", "b", 7]})

    (error,) = assert_problem(answer, 400, "validation_error")["errors"]
    assert (error["field"], error["pointer"]) == ("tags.2", "#/tags/2")


def test_the_type_of_a_problem_is_a_page_that_explains_it(caller):
    address = urlsplit(caller.get("/v1/nothing").json()["type"])

    page = Client(headers={"Accept": "text/html"}).get(address.path)

    assert page.status_code == 200
    assert f'id="{address.fragment}"' in page.content.decode()


def test_every_code_is_on_that_page():
    page = Client().get("/docs/errors").content.decode()

    assert [code for code in PROBLEMS if f'id="{code}"' not in page] == []


def test_words_of_the_api_are_not_for_pages():
    """Each status that a page may answer with has words of its own where those of the API name its parts."""
    for code in set(STATUS_CODES.values()):
        title, advice = ON_PAGES.get(code) or PROBLEMS[code]
        if code not in (
            "key_missing",
            "internal_error",
        ):  # people are led to sign in; and are told in plain text
            assert not set("`_<>") & set(title + advice), code
            assert not re.search(r"\b(id|body|JSON|method|field)s?\b", title + advice), code


def test_people_whose_page_meets_no_database_are_told_in_words():
    away = DatabaseAwayMiddleware(lambda request: HttpResponse())

    for accept, kind in (("text/html", "text/plain; charset=utf-8"), ("*/*", "application/problem+json")):
        request = RequestFactory().get("/dashboard", headers={"Accept": accept})
        answer = away.process_exception(request, OperationalError("gone"))
        assert (answer.status_code, answer["Content-Type"]) == (503, kind)
        assert "Try again in a few seconds." in answer.content.decode()
