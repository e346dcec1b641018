"""The lane in front of Django and the views behind it answer alike: two doors, one room."""

import gzip
import json
from datetime import timedelta

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from monitor.access import revoke_key
from monitor.models import LogPayload, RequestLog
from tests.factories import a_key, a_log, a_service, an_organization
from tests.ingest.test_nasty import BROKEN, KEPT
from tests.ingest.test_single import ROW_FIELDS

pytestmark = pytest.mark.django_db(transaction=True)

NDJSON = {"Content-Type": "application/x-ndjson"}
GZIP = {"Content-Encoding": "gzip"}
BATCH = "/v1/logs/batch"


def requests():
    """Names, addresses, bodies and headers that both doors are asked with."""
    good, bad = json.dumps(a_log()).encode(), json.dumps(a_log(status_code="x", tags=[7])).encode()
    for name, body in {**BROKEN, **KEPT}.items():
        yield name, "/v1/logs", body, {}
        yield f"{name}, in an array", BATCH, b"[" + good + b"," + body + b"]", {}
        yield f"{name}, in a line", BATCH, good + b"\n" + body, NDJSON
    yield "a bad log", "/v1/logs", bad, {}
    yield "a bad batch", BATCH, b"[" + bad + b"]", {}
    yield "a mixed batch", BATCH, b"[" + bad + b"," + good + b"]", {}
    yield "an empty batch", BATCH, b"[]", {}
    yield "too large", "/v1/logs", b" " * (1024 * 1024 + 1), {}
    yield "compressed", "/v1/logs", gzip.compress(good), GZIP
    yield "compressed lines", BATCH, gzip.compress(good), {**GZIP, **NDJSON}
    yield "not compressed", "/v1/logs", good, GZIP
    yield "a bomb", "/v1/logs", gzip.compress(b" " * 20_000_000), GZIP
    yield "another encoding", "/v1/logs", good, {"Content-Encoding": "br"}
    yield "a form", "/v1/logs", good, {"Content-Type": "application/x-www-form-urlencoded"}
    yield "text", BATCH, good, {"Content-Type": "text/plain"}
    yield "an odd wish", "/v1/logs", good, {"Accept": "application/xml"}


def comparable(answer, content):
    """Status, media type and body, without what differs from log to log."""
    body = json.loads(content)
    ids = len(body.pop("ids", []))
    for name in ("id", "request_id", "captured_at"):
        body.pop(name, None)
    return answer.status_code, answer.headers["Content-Type"], body, ids


def ask_view(address, body, headers):
    answer = Client().generic(
        "POST", address, body, headers.pop("Content-Type", "application/json"), headers=headers
    )
    assert answer["X-Request-Id"]
    return comparable(answer, answer.content)


def ask_lane(client, address, body, headers):
    answer = client.post(address, content=body, headers={"Content-Type": "application/json", **headers})
    assert answer.headers["X-Request-Id"]
    return comparable(answer, answer.content)


def test_both_doors_answer_alike_and_keep_the_same(web_server):
    raw = a_key(a_service())[1]
    authorization = {"Authorization": f"Bearer {raw}"}
    differing = []

    with httpx.Client(base_url=web_server, timeout=30) as client:
        for name, address, body, headers in requests():
            before = RequestLog.objects.count(), LogPayload.objects.count()
            by_view = ask_view(address, body, {**authorization, **headers})
            middle = RequestLog.objects.count(), LogPayload.objects.count()
            by_lane = ask_lane(client, address, body, {**authorization, **headers})
            after = RequestLog.objects.count(), LogPayload.objects.count()
            if by_view != by_lane or [b - a for a, b in zip(before, middle, strict=True)] != [
                b - a for a, b in zip(middle, after, strict=True)
            ]:
                differing.append((name, by_view, by_lane))

    assert differing == []


def test_both_doors_take_the_callers_own_request_id(web_server):
    headers = {"X-Request-Id": "checkout-7f3a_01", "Content-Type": "application/json"}

    by_view = Client().generic("POST", "/v1/logs", b"{}", "application/json", headers=headers)
    by_lane = httpx.post(f"{web_server}/v1/logs", content=b"{}", headers=headers, timeout=60)

    for answer in (by_view, by_lane):
        assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == "checkout-7f3a_01"


def test_both_doors_know_the_same_callers(web_server):
    service = a_service()
    revoked, revoked_raw = a_key(service)
    revoke_key(revoked, now=timezone.now())
    callers = {
        "nobody": {},
        "a typing error": {"Authorization": "Bearer mkey_x"},
        "another scheme": {"Authorization": "Basic eDp5"},
        "revoked": {"Authorization": f"Bearer {revoked_raw}"},
        "expired": {
            "X-API-Key": a_key(service, expires_at=timezone.now() - timedelta(seconds=1))[1],
        },
        "a reader": {"X-API-Key": a_key(service, scopes=["read"])[1]},
        "of no service": {"X-API-Key": a_key(organization=an_organization(), scopes=["ingest"])[1]},
        "a sender": {"X-API-Key": a_key(service)[1]},
    }
    body = json.dumps(a_log()).encode()

    with httpx.Client(base_url=web_server, timeout=60) as client:
        answers = {
            name: (ask_view("/v1/logs", body, dict(headers)), ask_lane(client, "/v1/logs", body, headers))
            for name, headers in callers.items()
        }

    # The views turn strangers away before they know that it is about logs, so `detail` may differ.
    told = {
        name: [(status, body.get("code")) for status, _, body, _ in both] for name, both in answers.items()
    }
    assert {name for name, (view, lane) in told.items() if view != lane} == set()
    assert {name: lane[0] for name, (_, lane) in answers.items()} == {
        "nobody": 401,
        "a typing error": 401,
        "another scheme": 401,
        "revoked": 401,
        "expired": 401,
        "a reader": 403,
        "of no service": 403,
        "a sender": 201,
    }


def test_the_row_that_the_lane_answers_with_has_every_field_of_a_row(web_server):
    raw = a_key(a_service())[1]
    log = a_log(consumer="acme", environment="dev", tags=["a"], error="e", trace_id="t", latency_ms=1e-7)

    with httpx.Client(base_url=web_server, headers={"Authorization": f"Bearer {raw}"}, timeout=60) as client:
        made = client.post("/v1/logs", json=log).json()
        listed = client.get("/v1/logs").json()[0]

    assert set(made) == ROW_FIELDS
    assert {name: listed[name] for name in made} == made


def test_a_key_that_is_revoked_while_it_is_in_use_opens_nothing_from_then_on(web_server):
    key, raw = a_key(a_service())
    with httpx.Client(base_url=web_server, headers={"Authorization": f"Bearer {raw}"}, timeout=60) as client:
        assert client.post("/v1/logs", json=a_log()).status_code == 201

        revoke_key(key, now=timezone.now())

        assert client.post("/v1/logs", json=a_log()).status_code == 401
