"""How entries reach the tables."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from monitor import alerts
from monitor.events import is_wanted
from monitor.ingest.rows import KEEP
from monitor.models import AlertEvent, LogPayload, MetricDelta, RequestLog
from tests.factories import a_log, a_rule, keep_logs, post_json, rfc3339


def test_rows_are_written_in_the_order_of_their_ids(service):
    """Else two batches that hold the same events in another order would end in a deadlock."""
    moment = timezone.now().replace(microsecond=0)
    logs = [a_log(event_id=str(number), timestamp=rfc3339(moment)) for number in range(50)]

    keep_logs(service, *logs)

    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM request_log ORDER BY tableoid, ctid")
        written = [id_ for (id_,) in cursor]
    assert written == sorted(written)
    assert len(written) == 50


def test_rows_payloads_and_events_are_kept_together_or_not_at_all(service, monkeypatch):
    a_rule(service, "status_code >= 500")

    def fail(*arguments, **options):
        raise RuntimeError("The judge fell ill.")

    monkeypatch.setattr(alerts, "judge", fail)
    with pytest.raises(ValueError, match="internal_error"):
        keep_logs(service, a_log(status_code=500, request_body="x"))

    assert not RequestLog.objects.exists()
    assert not LogPayload.objects.exists()
    assert not AlertEvent.objects.exists()


@pytest.fixture
def statements(monkeypatch):
    """How often psycopg's own cursor was used, and so how many statements Django does not count."""
    sent = []
    execute = psycopg.Cursor.execute

    def listening(self, query, *arguments, **options):
        sent.append(query)
        return execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", listening)
    return sent


@pytest.mark.django_db(transaction=True)
def test_logs_that_fire_nothing_are_kept_by_one_statement(service, statements, django_assert_num_queries):
    a_rule(service, "status_code >= 500")
    keep_logs(service, a_log(consumer="acme", request_body="x"))
    is_wanted(service.organization_id, "log.error")
    statements.clear()

    with django_assert_num_queries(0):
        keep_logs(service, *[a_log(consumer="acme", request_body="x")] * 50, a_log(status_code=404))

    assert statements == [KEEP.encode()]
    assert RequestLog.objects.count() == 52
    assert LogPayload.objects.count() == 51


def test_a_rule_that_came_since_the_logs_were_judged_is_judged_by(service, monkeypatch):
    keep_logs(service, a_log())
    before = alerts.quiet_by

    def quiet_until_then(logs):
        numbers = before(logs)
        a_rule(service, "status_code >= 500")
        return numbers

    monkeypatch.setattr(alerts, "quiet_by", quiet_until_then)
    keep_logs(service, a_log(status_code=503, request_body="x"))

    assert AlertEvent.objects.count() == 1
    assert RequestLog.objects.count() == 2
    assert MetricDelta.objects.count() == 2
    assert LogPayload.objects.count() == 1


def test_a_rule_that_was_changed_since_is_judged_by_as_it_is_now(service, monkeypatch):
    rule = a_rule(service, "status_code >= 600")
    keep_logs(service, a_log(status_code=200))
    before = alerts.quiet_by

    def quiet_until_then(logs):
        numbers = before(logs)
        rule.condition_value = "500"
        rule.save()
        return numbers

    monkeypatch.setattr(alerts, "quiet_by", quiet_until_then)
    keep_logs(service, a_log(status_code=503))

    assert AlertEvent.objects.count() == 1


def test_a_list_of_logs_is_ordered_by_when_they_happened_not_by_when_they_came(sender):
    now = timezone.now()
    sent = [now - timedelta(minutes=minutes) for minutes in (5, 90, 1, 30)]

    for moment in sent:
        post_json(sender, "/v1/logs", a_log(timestamp=rfc3339(moment)))

    shown = [row["captured_at"] for row in sender.get("/v1/logs").json()]
    assert shown == [rfc3339(moment) for moment in sorted(sent, reverse=True)]
