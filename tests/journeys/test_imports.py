"""Journeys out of HAR files, commands, OpenAPI documents and logs; and the same by API."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.journeys import from_yaml, read_document
from monitor.journeys.checks import READY_MADE
from monitor.journeys.imports import BadImport
from monitor.journeys.imports.commands import read_curl
from monitor.journeys.imports.har import read_har
from monitor.journeys.imports.openapi import read_openapi
from monitor.journeys.imports.reading import read_import
from monitor.lib.masking import MASK
from monitor.models import Monitor
from tests.factories import a_client, a_key, a_log, a_service, an_organization, keep_logs, post_json, rfc3339
from tests.journeys.collections import shop_collection
from tests.journeys.targets import PASSWORD, Shop, as_json, go_through, outcomes
from tests.probing.http_target import Answer, http_target, issue


def entry(
    url, *, method="GET", status=200, headers=(), body=None, kind="fetch", media_type="application/json"
):
    request = {
        "method": method,
        "url": url,
        "headers": [{"name": name, "value": value} for name, value in headers],
    }
    if body is not None:
        request["postData"] = {"mimeType": "application/json", "text": body}
    content = {"mimeType": media_type, "text": "", "size": 0}
    response = {"status": status, "headers": [], "content": content}
    started = "2026-11-21T10:00:00Z"
    return {
        "startedDateTime": started,
        "time": 5,
        "request": request,
        "response": response,
        "_resourceType": kind,
    }


def a_har(*entries):
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}})


def test_a_recorded_session_becomes_steps_that_expect_what_was_answered():
    base = "https://shop.example"
    brought = read_har(
        a_har(
            entry(f"{base}/login", method="POST", status=302, body='{"user": "ada", "password": "pw"}',
                  headers=[(":authority", "shop.example"), ("cookie", "a=b"), ("sec-fetch-mode", "cors"),
                           ("if-none-match", "x"), ("x-shop", "one")]),
            entry(f"{base}/logo.png", kind="image", media_type="image/png"),
            entry(f"{base}/me?token=abc#part", headers=[("authorization", "Bearer tok")]),
            entry("data:text/plain,x", kind="fetch"),
            entry(f"{base}/broken", status=503),
        ).encode()
    )  # fmt: skip
    login, me, broken = brought.document().steps

    assert (login.name, login.headers, login.max_redirects) == ("POST /login", [("x-shop", "one")], 0)
    assert json.loads(login.body) == {"user": "ada", "password": "{{password}}"}
    assert login.assertions[0].target == 302
    assert (me.url, me.headers) == (
        "https://shop.example/me?token={{token}}",
        [("authorization", "Bearer {{bearer_token}}")],
    )
    assert broken.assertions == []
    assert brought.secrets == {"password": "pw", "token": "abc", "bearer_token": "tok"}
    texts = " ".join(note.text for note in brought.notes)
    assert "1 pictures" in texts
    assert "answered with 503" in texts
    assert "without a request to http" in texts


@pytest.mark.parametrize("text", ["", "{}", '{"log": {"entries": []}}', '{"log": {"entries": [3]}}'])
def test_what_is_no_har_is_refused(text):
    with pytest.raises(BadImport):
        read_har(text.encode())


def test_curl_commands_become_steps_with_their_secrets_apart():
    brought = read_curl(
        "curl -X POST https://a.example/login -u ada:pw --json '{\"a\": 1}'\n"
        "$ curl 'https://a.example/me?x=1' \\\n  -H 'X-Api-Key: k1' -b sid=s1 -k\n"
    )
    login, me = brought.document().steps

    assert (login.method, login.body, login.body_type) == ("POST", '{"a": 1}', "none")
    assert dict(login.headers)["Authorization"] == "Basic {{basic_token}}"
    assert dict(me.headers) == {"Accept": "*/*", "X-Api-Key": "{{x_api_key}}", "Cookie": "{{cookie}}"}
    assert brought.secrets["cookie"] == "sid=s1"
    assert any("--insecure is ignored" in note.text for note in brought.notes)


OPENAPI = """
openapi: 3.1.0
info: {title: Shop}
servers: [{url: "https://{region}.shop.example/v1/", variables: {region: {default: eu}}}]
security: [{key: []}]
paths:
  /orders:
    get:
      summary: List orders
      parameters:
        - {$ref: '#/components/parameters/Limit'}
        - {name: q, in: query, schema: {type: string}}
      responses: {200: {description: ok, content: {application/json: {}}}}
    post: {responses: {201: {description: made}}}
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer, example: 42}}]
    get: {operationId: getOrder, security: [], responses: {200: {description: ok}}}
    head: {responses: {200: {description: ok}}}
  /people/{person}:
    get:
      security: [{bearer: []}]
      parameters: [{name: person, in: path, required: true, schema: {type: string}}]
      responses: {200: {description: ok}}
  /old:
    get: {deprecated: true, responses: {200: {description: ok}}}
components:
  parameters:
    Limit: {name: limit, in: query, required: true, schema: {type: integer, default: 10}}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    bearer: {type: http, scheme: bearer}
"""


def test_each_safe_operation_becomes_a_health_step():
    brought = read_openapi(OPENAPI)
    document = brought.document()
    listing, order, head, person = document.steps

    assert document.variables == {"base_url": "https://eu.shop.example/v1"}
    assert (listing.name, listing.url) == ("List orders", "{{base_url}}/orders?limit=10")
    assert dict(listing.headers) == {"X-Key": "{{api_key}}"}
    assert [each.source for each in listing.assertions] == ["status", "header"]
    assert (order.name, order.url, order.headers) == ("getOrder", "{{base_url}}/orders/42", [])
    assert head.method == "HEAD"
    assert (person.url, person.auth.token) == ("{{base_url}}/people/{{person}}", "{{token}}")
    texts = [note.text for note in brought.notes]
    assert "1 operations that change something are left out." in texts
    assert "left out: it is deprecated." in texts
    assert "there is no example of person: give the variable person." in texts


def test_swagger_2_and_json_are_read_too():
    given = {
        "swagger": "2.0",
        "info": {"title": "Old"},
        "host": "old.example",
        "basePath": "/api",
        "schemes": ["http"],
        "paths": {"/a": {"get": {"responses": {"200": {"description": "ok"}}}}},
    }
    document = read_openapi(json.dumps(given)).document()

    assert document.variables == {"base_url": "http://old.example/api"}


def test_our_own_openapi_document_can_be_imported(client):
    document = read_import("openapi", client.get("/openapi.json").content.decode())

    assert len(document.journey.steps) > 30
    unsupported = [note.text for note in document.notes if note.fate == "unsupported"]
    assert not [text for text in unsupported if text != "left out: a journey has 50 steps."]


# --- Logs and the API --------------------------------------------------------------------------------------


@pytest.fixture
def organization(db):
    return an_organization()


@pytest.fixture
def caller(organization):
    return a_client(a_key(organization=organization, scopes=["read", "manage"])[1])


def at(second):
    return rfc3339(timezone.now().replace(microsecond=0) - timedelta(seconds=60 - second))


def test_logged_requests_become_a_journey_whose_masked_values_are_still_to_be_given(caller, organization):
    service = a_service(organization, base_url="https://shop.example/")
    ids = keep_logs(
        service,
        a_log(
            method="POST",
            url="/login?token=abc",
            path="/login",
            timestamp=at(1),
            request_headers={"Content-Type": "application/json", "Authorization": "Bearer x", "Host": "x"},
            request_body=json.dumps({"user": "ada", "password": "pw"}),
        ),
        a_log(url="https://shop.example/me", path="/me", status_code=404, timestamp=at(2)),
        a_log(url="https://shop.example/boom", path="/boom", status_code=500, timestamp=at(3)),
    )
    asked = {"format": "logs", "log_ids": [str(each) for each in reversed(ids)]}
    answer = post_json(caller, "/v1/journeys/import", asked)

    assert answer.status_code == 200, answer.json()
    config = answer.json()["config"]
    login, me, boom = config["steps"]
    assert login["url"] == "{{base_url}}/login?token={{token}}"
    assert config["variables"] == {"base_url": "https://shop.example"}
    assert json.loads(login["body"])["password"] == "{{password}}"
    assert config["secrets"] == {"token": "", "password": "", "authorization": ""}
    assert me["assertions"][0]["target"] == 404
    assert boom["assertions"] == []
    assert MASK not in json.dumps(config)
    made = post_json(caller, "/v1/monitors", {"name": "x", "kind": "journey", "config": config})
    assert made.status_code == 201, made.json()


def test_logs_of_others_are_not_found(caller):
    (log,) = keep_logs(a_service(), a_log())

    answer = post_json(caller, "/v1/journeys/import", {"format": "logs", "log_ids": [str(log)]})

    assert answer.status_code == 404


def test_an_import_by_api_keeps_nothing_and_can_be_posted(caller):
    answer = post_json(
        caller,
        "/v1/journeys/import",
        {
            "format": "postman",
            "text": json.dumps(shop_collection()),
            "environment": json.dumps({"values": [{"key": "base", "value": "http://shop.example"}]}),
            "rows": "n\n1\n",
        },
    ).json()

    assert {note["fate"] for note in answer["report"]} == {"runs"}
    assert from_yaml(answer["yaml"])["steps"] == answer["config"]["steps"]
    assert not Monitor.objects.exists()
    made = post_json(
        caller, "/v1/monitors", {"name": answer["name"], "kind": "journey", "config": answer["config"]}
    )
    assert made.status_code == 201, made.json()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"format": "pigeon", "text": "x"}, "format"),
        ({"format": "postman"}, "text"),
        ({"format": "logs"}, "log_ids"),
        ({"format": "har", "text": "{}"}, "text"),
        ({"format": "postman", "text": json.dumps(shop_collection()), "rows": "[3]"}, "text"),
    ],
)
def test_what_cannot_be_imported_is_refused_at_its_field(caller, given, field):
    answer = post_json(caller, "/v1/journeys/import", given)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_ready_made_checks_are_listed(caller):
    listed = caller.get("/v1/journeys/ready-made").json()

    assert [each["name"] for each in listed] == [each.name for each in READY_MADE]
    assert all(read_document(each["config"]).steps for each in listed)


# --- The checks themselves ---------------------------------------------------------------------------------

GOOD = {
    "Strict-Transport-Security": "max-age=1",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "x",
    "Referrer-Policy": "x",
}


def guarded(asked):
    """A careful API: what a careless one does is up to each case."""
    signed_in = asked.headers.get("Authorization") == f"Bearer {PASSWORD}"
    if asked.path == "/private" and not signed_in:
        return as_json({}, status=401)
    if asked.path.startswith("/things/") and "foreign" in asked.path:
        return as_json({}, status=404)
    if asked.path.startswith("/no-such-page"):
        return as_json({"error": "bad request"}, status=400)
    return as_json({}, headers=GOOD)


CARELESS = {
    "no_token": lambda asked: as_json({}),
    "foreign_id": lambda asked: as_json({"secret": 1}),
    "headers": lambda asked: as_json({}),
    "traces": lambda asked: Answer(500, b"Traceback (most recent call last):\n File x"),
    "cors": lambda asked: as_json(
        {}, headers={"Access-Control-Allow-Origin": asked.headers.get("Origin", "")}
    ),
}


def checked(name, base):
    wanted = next(each for each in READY_MADE if each.name == name)
    given = {
        "variables": {**wanted.variables, "base_url": base, "foreign_id": "foreign-1"},
        "secrets": dict.fromkeys(wanted.secrets, PASSWORD),
        "steps": [dict(step) for step in wanted.steps],
    }
    return outcomes(go_through(read_document(given)))


@pytest.mark.parametrize("name", CARELESS)
def test_a_careful_api_passes_a_check_and_a_careless_one_fails_it(name):
    with http_target(guarded) as careful, http_target(CARELESS[name]) as careless:
        good, bad = checked(name, careful.url("")), checked(name, careless.url(""))

    assert set(good) <= {"passed", "skipped"}
    assert bad[0] == "failed"


def test_everybodys_origin_with_credentials_is_found():
    headers = {"Access-Control-Allow-Origin": "*"}
    open_ = {**headers, "Access-Control-Allow-Credentials": "true"}
    with http_target(lambda asked: as_json({}, headers=headers)) as fine:
        assert checked("cors", fine.url("")) == ["passed", "passed"]
    with http_target(lambda asked: as_json({}, headers=open_)) as careless:
        assert checked("cors", careless.url("")) == ["passed", "failed"]


def test_tls_is_looked_at(tmp_path):
    issued = issue(days=90)
    wanted = next(each for each in READY_MADE if each.name == "tls")
    with http_target(Shop(), tls=issued.server_context(tmp_path)) as target, http_target(Shop()) as plain:
        given = {"authorities": issued.authority, "steps": [dict(step) for step in wanted.steps]}
        good = go_through(read_document({**given, "variables": {"base_url": target.url("")}}))
        bad = go_through(read_document({**given, "variables": {"base_url": plain.url("")}}))

    assert (outcomes(good), outcomes(bad)) == (["passed"], ["failed"])
    assert good.steps[0].certificate_until is not None
