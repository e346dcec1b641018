"""The pipeline with whatever hypothesis thinks of: documented outcomes alone, kept logs that read back."""

import json
import math
from contextlib import contextmanager
from datetime import UTC, timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.ingest import LogItem, Undecodable, accept, decode_batch, decode_one
from monitor.ingest.entry import Sender
from monitor.ingest.naming import forget_names
from monitor.models import AlertEvent, LogPayload, RequestLog
from monitor.models.partitions import make_day
from tests.factories import a_log, a_rule, a_service
from tests.ingest.test_secrets import everything_stored

# The database is rolled back by each test's own savepoint, and a slow machine is no failure.
usual = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted(LogItem.__struct_fields__)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
headers = st.dictionaries(texts, texts | st.lists(texts, max_size=3), max_size=4)
# Documents that are mostly right, with a wrong value here and there.
right = {
    "method": st.sampled_from(["GET", "post", "M-SEARCH"]),
    "url": texts.filter(bool),
    "path": texts.filter(bool),
    "status_code": st.none() | st.integers(0, 999),
    "latency_ms": st.none() | st.floats(0, 1e15) | st.integers(0, 10**15),
    "query_params": st.none() | st.dictionaries(texts, json_values, max_size=4),
    "request_headers": st.none() | headers,
    "response_headers": st.none() | headers,
    "request_body": st.none() | texts,
    "response_body": st.none() | texts,
    "error": st.none() | texts,
    "source_ip": st.none() | st.ip_addresses().map(str),
    "tags": st.none() | st.lists(texts.filter(bool), max_size=5),
    "route": st.none() | texts,
    "consumer": st.none() | texts,
    "environment": st.none() | texts,
    "trace_id": st.none() | texts,
    "event_id": st.none() | texts.filter(bool),
}
right_logs = st.fixed_dictionaries(
    {name: right[name] for name in ("method", "url", "path")},
    optional={name: values for name, values in right.items() if name not in ("method", "url", "path")},
)
odd_logs = st.builds(
    lambda log, odd: {**log, **odd},
    right_logs,
    st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_values, max_size=2),
)
documents = json_values | odd_logs | st.dictionaries(st.sampled_from(FIELDS), json_values)


def as_bytes(document):
    """JSON as JavaScript writes it, lone surrogates escaped."""
    return json.dumps(document).encode()


def decoded(data):
    """The log, or why it is none; anything else that is raised fails the test."""
    try:
        return decode_one(data)
    except Undecodable as error:
        return error


@contextmanager
def rolled_back():
    """Each example finds the tables as the first one did."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    forget_names()


@pytest.fixture
def sender(db):
    today = timezone.now().date()
    for age in range(-1, 22):
        make_day(today - timedelta(days=age))
    service = a_service()
    a_rule(service, "status_code >= 500")
    a_rule(service, "error == true")
    return Sender(
        organization_id=service.organization_id, service_id=service.id, mode="live", keep_bodies="all"
    )


@usual
@given(st.binary(max_size=200))
def test_any_bytes_are_a_log_or_undecodable(data):
    assert isinstance(decoded(data), LogItem | Undecodable)


@usual
@given(documents)
def test_any_document_is_a_log_or_undecodable_with_a_known_field(document):
    outcome = decoded(as_bytes(document))

    assert isinstance(outcome, LogItem) or outcome.field.split(".")[0] in {"", *FIELDS}


@usual
@given(st.lists(documents, max_size=6))
def test_each_item_of_a_batch_is_what_it_is_alone(batch):
    def told(items):
        return [item.field if isinstance(item, Undecodable) else item for item in items]

    expected = told(decoded(as_bytes(document)) for document in batch)
    assert told(decode_batch(as_bytes(batch), "array")) == expected
    assert told(decode_batch(b"\n".join(map(as_bytes, batch)), "ndjson")) == expected


@usual
@given(batch=st.lists(odd_logs, min_size=1, max_size=5))
def test_whatever_comes_is_kept_or_rejected_and_nothing_else(sender, batch):
    now = timezone.now()

    with rolled_back():
        outcome = accept(decode_batch(as_bytes(batch), "array"), sender, now=now)

        assert len(outcome.entries) + len(outcome.rejections) == len(batch)
        assert set(RequestLog.objects.values_list("id", flat=True)) == {entry.id for entry in outcome.entries}
        assert LogPayload.objects.count() == len({entry.id for entry in outcome.entries if entry.payload})
        failing = {entry.id for entry in outcome.entries if (entry.status_code or 0) >= 500}
        with_error = {entry.id for entry in outcome.entries if entry.error is not None}
        assert AlertEvent.objects.count() == len(failing) + len(with_error)


@usual
@given(log=right_logs, age_ms=st.none() | st.integers(0, 20 * 24 * 3600 * 1000))
def test_what_was_accepted_reads_back_equal(sender, log, age_ms):
    now = timezone.now()
    moment = now if age_ms is None else (now - timedelta(milliseconds=age_ms)).astimezone(UTC)
    sent = dict(log) if age_ms is None else {**log, "timestamp": moment.isoformat()}

    with rolled_back():
        outcome = accept([decode_one(as_bytes(sent))], sender, now=now)
        kept = RequestLog.objects.with_names().get()
        contents = LogPayload.objects.contents_of(kept.id)

    assert outcome.rejections == []
    assert kept.captured_at == moment
    for name in ("url", "path", "consumer", "environment", "trace_id", "error"):
        assert same_text(shown(kept, contents, name), sent.get(name) or ("" if name != "error" else None)), (
            name
        )
    assert kept.method == sent["method"].upper()
    assert kept.status_code == sent.get("status_code")
    assert kept.latency_ms == sent.get("latency_ms") or math.isclose(kept.latency_ms, sent["latency_ms"])
    assert kept.tags == [tag.replace("\0", "\ufffd") for tag in sent.get("tags") or []]
    for name in ("request_body", "response_body"):
        assert same_text(contents.get(name), sent.get(name)), name
    for name in ("query_params", "request_headers", "response_headers"):
        assert "***MASKED***" in repr(contents) or (contents.get(name) or {}) == (sent.get(name) or {}), name
    assert contents.get("event_id") == sent.get("event_id")


def shown(kept, contents, name):
    return kept.consumer_identifier if name == "consumer" else contents.get(name, getattr(kept, name))


def same_text(kept, sent):
    """Equal, but for NUL and for what looked like a secret."""
    if kept is None or sent is None:
        return (kept or "") == (sent or "")
    return kept == sent or kept == sent.replace("\0", "\ufffd") or "***MASKED***" in kept


SECRET = "s3cr3t-9f8e7d"
secret_names = st.sampled_from(
    [
        "password",
        "Password",
        "user_pwd",
        "client_secret",
        "accessToken",
        "API_KEY",
        "x-api-key",
        "card_number",
        "cvv",
        "ssn",
    ]
)
secret_headers = st.sampled_from(
    ["Authorization", "cookie", "SET-COOKIE", "X-Auth-Token", "proxy-authorization", "X-CSRF-Token"]
)


def buried(name):
    """A secret under its name, somewhere in a JSON value."""
    return st.recursive(
        st.just({name: SECRET}) | st.just({name: [SECRET]}) | st.just({name: {"of": SECRET}}),
        lambda inner: (
            st.lists(inner, min_size=1, max_size=2)
            | st.dictionaries(st.sampled_from(["a", "list", "user"]), inner, min_size=1, max_size=2)
        ),
        max_leaves=4,
    )


@st.composite
def leaky_logs(draw):
    name = draw(secret_names)
    tree = draw(buried(name))
    body = draw(
        st.sampled_from(
            [
                json.dumps(tree),
                json.dumps(tree, indent=2),
                f"a=b&{name}={SECRET}",
                f"<{name}>{SECRET}</{name}>",
            ]
        )
    )
    leaks = {
        "query_params": {"in": tree},
        "request_headers": {draw(secret_headers): SECRET, "X-Other": "fine"},
        "response_headers": {draw(secret_headers): [SECRET, SECRET]},
        "request_body": body,
        "response_body": body,
        "url": f"https://h.example/p?x=1&{name}={SECRET}",
        "path": f"/p?{name}={SECRET}",
        "error": f'{name}="{SECRET}"',
    }
    chosen = draw(st.sets(st.sampled_from(sorted(leaks)), min_size=1))
    content_type = draw(
        st.sampled_from([None, "application/json", "text/plain", "application/x-www-form-urlencoded"])
    )
    log = a_log(status_code=500, **{field: leaks[field] for field in chosen})
    if content_type:
        log["request_headers"] = {**log.get("request_headers", {}), "Content-Type": content_type}
    return log


@usual
@given(log=leaky_logs())
def test_a_secret_under_a_sensitive_name_is_never_stored(sender, log):
    with rolled_back():
        accept([decode_one(as_bytes(log))], sender, now=timezone.now())
        stored = everything_stored()

    assert SECRET not in stored
    assert "***MASKED***" in stored
