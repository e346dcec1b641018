"""How entries reach the tables."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from monitor import alerts
from monitor.models import AlertEvent, LogPayload, RequestLog
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


def test_a_list_of_logs_is_ordered_by_when_they_happened_not_by_when_they_came(sender):
    now = timezone.now()
    sent = [now - timedelta(minutes=minutes) for minutes in (5, 90, 1, 30)]

    for moment in sent:
        post_json(sender, "/v1/logs", a_log(timestamp=rfc3339(moment)))

    shown = [row["captured_at"] for row in sender.get("/v1/logs").json()]
    assert shown == [rfc3339(moment) for moment in sorted(sent, reverse=True)]
