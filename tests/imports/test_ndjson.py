"""NDJSON goes out and comes in again: export and import undo each other, whatever was logged."""

import json
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ingest.naming import forget_names
from monitor.lib.counting import EXCLUDED, EXCLUDED_BY_RULE, REJECTED
from monitor.lib.tally import counts
from monitor.models import LogPayload, RequestLog
from monitor.services.exclusions import add_rule
from tests.factories import a_client, a_key, a_log, a_service, a_user, keep_logs, rfc3339
from tests.ingest.test_properties import right_logs, texts, usual

pytestmark = pytest.mark.django_db
NDJSON = "application/x-ndjson"
secrets = st.sampled_from(
    [
        '{"password": "hunter2", "note": "Zoë"}',
        "token=abc&page=2",
        "x" * 70_000,
        "not json {",
        "\x00 and \x1b",
        "line\nline\r\n",
    ]
)
varied = st.builds(
    lambda log, bodies, minutes: log | bodies | {"timestamp": minutes},
    right_logs,
    st.fixed_dictionaries({}, optional={"request_body": secrets | texts, "response_body": secrets}),
    st.none() | st.integers(1, 600),
)


@pytest.fixture
def service():
    return a_service(name="shop")


@pytest.fixture
def reader(service):
    return a_client(user=a_user(service.organization))


@pytest.fixture
def sender(service):
    return a_client(a_key(service)[1])


@contextmanager
def rolled_back():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    forget_names()


def export(reader: Client) -> bytes:
    answer = reader.get("/v1/logs/export", {"format": "ndjson", "bodies": "true"})
    return b"".join(answer.streaming_content)


def bring(sender: Client, file: bytes, **params):
    return sender.post("/v1/import/ndjson", file, content_type=NDJSON, query_params=params)


def everything_kept() -> list[tuple]:
    """Rows and payloads, without the moment they arrived."""
    rows = list(RequestLog.objects.order_by("id").values())
    for row in rows:
        del row["received_at"]
    return [(row, LogPayload.objects.contents_of(row["id"])) for row in rows]


@settings(usual, max_examples=40)
@given(logs=st.lists(varied, min_size=1, max_size=4))
def test_what_was_exported_comes_back_as_it_was(service, reader, sender, logs):
    now = timezone.now()
    for log in logs:
        minutes = log.pop("timestamp")
        if minutes is not None:
            log["timestamp"] = rfc3339(now - timedelta(minutes=minutes))
        else:
            # Alone it names no event, and the log's own name takes its place in the file.
            log.pop("event_id", None)
    with rolled_back():
        keep_logs(service, *logs)
        before, file = everything_kept(), export(reader)

        unchanged = bring(sender, file).json()
        after_all_was_there = everything_kept()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM request_log; DELETE FROM log_payload")
        brought = bring(sender, file).json()

        assert (unchanged["new"], unchanged["known"]) == (0, len(file.splitlines()))
        assert after_all_was_there == before
        assert (brought["new"], brought["rejected"]) == (len(before), 0)
        for kept, was in zip(everything_kept(), before, strict=True):
            assert kept == was
        assert export(reader) == file


def test_bodies_that_were_cut_or_dropped_are_so_after_the_journey(reader, sender, service):
    dropping = a_service(service.organization, keep_bodies="none")
    keep_logs(service, a_log(request_body="x" * 100_000))
    keep_logs(dropping, a_log(request_body="gone"))
    file = export(reader)
    RequestLog.objects.all().delete()
    LogPayload.objects.all().delete()

    bring(sender, file)

    kept = {row["request_bytes"]: contents for row, contents in everything_kept()}
    assert kept[100_000]["request_truncated"] is True
    assert kept[4]["request_body_dropped"] is True
    assert "request_body" not in kept[4]


def test_a_dry_run_keeps_nothing_and_names_bad_lines(sender):
    lines = [json.dumps(a_log()), "{", json.dumps(a_log(status_code="many")), ""]

    answer = bring(sender, "\n".join(lines).encode(), dry_run="true")

    assert answer.status_code == 207
    assert [(each["index"], each["field"]) for each in answer.json()["errors"]] == [
        (1, ""),
        (2, "status_code"),
    ]
    assert (answer.json()["new"], RequestLog.objects.count()) == (1, 0)


def test_a_dry_run_counts_nothing_as_rejected_or_excluded(sender, service):
    add_rule(service, kind="path", pattern="/health", by="user:ada")
    file = "\n".join(json.dumps(each) for each in (a_log(path="/health"), a_log(status_code="many"))).encode()
    counts.take()

    looked = bring(sender, file, dry_run="true").json()
    after_looking = counts.take()
    bring(sender, file)
    after = counts.take()

    assert (looked["excluded"], looked["rejected"]) == (1, 1)
    assert [name for name, _ in after_looking if name in (EXCLUDED, EXCLUDED_BY_RULE, REJECTED)] == []
    assert {name: amount for (name, _), amount in after.items() if name in (EXCLUDED, REJECTED)} == {
        EXCLUDED: 1,
        REJECTED: 1,
    }


def test_the_command_takes_what_the_export_gave(reader, service, tmp_path):
    keep_logs(service, a_log(), a_log(path="/other"))
    file = tmp_path / "logs.ndjson"
    file.write_bytes(export(reader))
    RequestLog.objects.all().delete()
    out = StringIO()

    call_command("import_ndjson", str(file), "--service", "shop", stdout=out)

    assert out.getvalue() == "2 requests: 2 new, 0 known already, 0 refused.\n"
    assert set(RequestLog.objects.values_list("path", flat=True)) == {"/orders", "/other"}


def test_json_is_no_ndjson(sender):
    assert sender.post("/v1/import/ndjson", b"[]", content_type="application/json").status_code == 415
