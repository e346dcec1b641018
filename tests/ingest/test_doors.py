"""The view and the lane are one contract: the same request has the same answer, word for word."""

import gzip
import json
from datetime import timedelta

import msgspec
import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from monitor.api.rows import LogRowSerializer
from monitor.front.standing import standing_headers
from monitor.ingest import LogItem, accept
from monitor.ingest.documentation import LogItemSerializer
from monitor.ingest.doors import light_row
from monitor.ingest.entry import Sender
from monitor.models import RequestLog
from tests.asgi import doors_of, lane_on
from tests.factories import a_client, a_key, a_log, a_service

JSON = "application/json"
# Different in each answer, and so compared by being there.
PASSING = {"request_id", "id", "ids", "captured_at"}
# The view's content negotiation adds Vary and Allow to what is never negotiated. X-Frame-Options is missing
# there where a middleware before its own answers (for the Host).
LEFT_ASIDE = {"vary", "allow", "content-length", "x-frame-options"}


def a_body(**fields):
    return json.dumps(a_log(**fields)).encode()


# A story: the address, the body, the headers that differ from a good request's.
REQUESTS = {
    "a good log": ("/v1/logs", a_body(tags=["a"], error="é"), {}),
    "a good batch": ("/v1/logs/batch", b"[" + a_body() + b"]", {}),
    "a batch, bad in part": ("/v1/logs/batch", b"[" + a_body() + b',{"method":7}]', {}),
    "a batch without a good item": ("/v1/logs/batch", b'[{"method":7},8]', {}),
    "an empty batch": ("/v1/logs/batch", b"[]", {}),
    "a batch in gzip": (
        "/v1/logs/batch",
        gzip.compress(a_body()),
        {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
    ),
    "no gzip": ("/v1/logs", b"plain", {"Content-Encoding": "gzip"}),
    "another encoding": ("/v1/logs", b"plain", {"Content-Encoding": "br"}),
    "no key": ("/v1/logs", a_body(), {"Authorization": ""}),
    "a key that is none": ("/v1/logs", a_body(), {"Authorization": "Bearer mkey_nonsense"}),
    "a key of nobody": ("/v1/logs", a_body(), {"Authorization": "Bearer {unknown}"}),
    "a revoked key": ("/v1/logs", a_body(), {"Authorization": "Bearer {revoked}"}),
    "an expired key": ("/v1/logs/batch", a_body(), {"Authorization": "Bearer {expired}"}),
    "a key without the scope": ("/v1/logs", a_body(), {"Authorization": "Bearer {reading}"}),
    "a key of no service": ("/v1/logs", a_body(), {"Authorization": "Bearer {of_organization}"}),
    "a key in its own header": ("/v1/logs", a_body(), {"Authorization": "", "X-API-Key": "{good}"}),
    "another media type": ("/v1/logs", a_body(), {"Content-Type": "text/plain"}),
    "another media type for a batch": ("/v1/logs/batch", a_body(), {"Content-Type": "text/csv"}),
    "no json": ("/v1/logs", b"{", {}),
    "an empty body": ("/v1/logs", b"", {}),
    "a bad field": ("/v1/logs", a_body(status_code="many"), {}),
    "too large": ("/v1/logs", b" " * (1024 * 1024 + 1), {}),
    "too large, inside": ("/v1/logs", gzip.compress(b" " * (1024 * 1024 + 1)), {"Content-Encoding": "gzip"}),
    "another host": ("/v1/logs", a_body(), {"Host": "rebound.example"}),
    "a host with a port": ("/v1/logs", a_body(), {"Host": "testserver:8090"}),
    "a host that is none": ("/v1/logs", a_body(), {"Host": "a b"}),
}


@pytest.fixture
def keys(db):
    service = a_service()
    revoked, revoked_raw = a_key(service)
    raws = {
        "good": a_key(service)[1],
        "revoked": revoked_raw,
        "expired": a_key(service, expires_at=timezone.now() - timedelta(seconds=1))[1],
        "reading": a_key(service, scopes=["read"])[1],
        "of_organization": a_key(organization=service.organization, scopes=["ingest"])[1],
    }
    revoked.revoked_at = timezone.now()
    revoked.save(update_fields=["revoked_at"])
    unknown, raws["unknown"] = a_key(service)
    unknown.delete()
    return raws


@pytest.fixture
def _learnt_afresh():
    standing_headers.cache_clear()
    yield
    standing_headers.cache_clear()


def post(keys, address, body, changes):
    usual = {"Authorization": "Bearer {good}", "Content-Type": JSON}
    headers = {name: value.format(**keys) for name, value in {**usual, **changes}.items() if value}
    content_type = headers.pop("Content-Type")
    return Client(headers=headers, raise_request_exception=False).post(
        address, body, content_type=content_type
    )


def said(answer):
    """The answer without what differs each time."""
    headers = {name.lower(): value for name, value in answer.items()}
    request_id = headers.pop("x-request-id")
    headers = {name: value for name, value in headers.items() if name not in LEFT_ASIDE}
    body = answer.json()
    if "request_id" in body:
        assert body["request_id"] == request_id
    return (
        answer.status_code,
        headers,
        {name: bool(value) if name in PASSING else value for name, value in body.items()},
    )


@pytest.mark.parametrize("story", REQUESTS)
def test_both_doors_answer_alike(keys, story):
    by_view = post(keys, *REQUESTS[story])
    with lane_on(connections["default"]) as lane, doors_of(lane):
        by_lane, once_more = (post(keys, *REQUESTS[story]) for _ in range(2))

    assert said(by_lane) == said(by_view)
    assert by_lane["X-Frame-Options"] == "DENY"
    # What the lane remembers of the key changes nothing.
    assert said(once_more) == said(by_view)


@pytest.mark.parametrize(
    ("proxies", "said_proto"), [(1, "https"), (1, "http"), (1, "https, http"), (0, "https")]
)
@pytest.mark.usefixtures("_learnt_afresh")
def test_both_doors_hold_browsers_to_https_alike(keys, settings, proxies, said_proto):
    settings.SECURE_HSTS_SECONDS = 60
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if proxies else None
    request = ("/v1/logs", a_body(), {"X-Forwarded-Proto": said_proto})

    by_view = post(keys, *request)
    with lane_on(connections["default"]) as lane, doors_of(lane):
        by_lane = post(keys, *request)

    assert said(by_lane) == said(by_view)
    assert ("Strict-Transport-Security" in by_lane) is (proxies == 1 and said_proto != "http")


@pytest.mark.parametrize("address", ["/v1/logs", "/v1/logs/batch"])
def test_other_methods_are_for_django(door, address):
    client = a_client(a_key(scopes=["ingest", "read", "manage"])[1])

    refused = client.put(address, "{}", content_type=JSON)

    assert refused.status_code == 405
    assert "POST" in refused["Allow"]


def test_the_row_a_door_answers_with_is_the_row_that_lists_show(db):
    service = a_service()
    sender = Sender(
        organization_id=service.organization_id, service_id=service.id, mode="test", keep_bodies="all"
    )
    full = a_log(
        error="e" * 3000,
        tags=["a", "ü"],
        consumer="acme",
        environment="prod",
        trace_id="t",
        route="/orders/{id}",
        timestamp=timezone.now().isoformat(),
    )
    lean = {"method": "GET", "url": "/", "path": "/"}

    outcome = accept([msgspec.convert(log, LogItem) for log in (full, lean)], sender, now=timezone.now())

    for entry in outcome.entries:
        kept = RequestLog.objects.with_names().get(id=entry.id)
        shown = json.loads(json.dumps(LogRowSerializer(kept).data, default=str))
        assert json.loads(msgspec.json.encode(light_row(entry))) == shown


def test_the_documented_item_has_the_fields_that_are_decoded():
    documented = LogItemSerializer().fields
    decoded = {field.name: field for field in msgspec.structs.fields(LogItem)}

    assert set(documented) == set(decoded)
    assert {name for name, field in documented.items() if field.required} == {
        name for name, field in decoded.items() if field.required
    }
    assert {name for name, field in documented.items() if field.allow_null} == {
        name for name, field in decoded.items() if field.default is None
    }


@pytest.mark.parametrize("name", sorted(LogItemSerializer().fields))
def test_the_documented_limits_are_those_of_the_decoder(name):
    documented = LogItemSerializer().fields[name]
    [schema] = msgspec.json.schema(LogItem)["$defs"].values()
    said = schema["properties"][name]
    decoded = next((each for each in said.get("anyOf", [said]) if each["type"] != "null"), said)

    assert decoded.get("maxLength") == getattr(documented, "max_length", None) or name in {
        "tags",
        "source_ip",
    }
    assert decoded.get("minimum") == getattr(documented, "min_value", None)
    assert decoded.get("maximum") == getattr(documented, "max_value", None)
    if name == "tags":
        assert decoded["maxItems"] == documented.max_length
        assert decoded["items"]["maxLength"] == documented.child.max_length
