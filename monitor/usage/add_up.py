"""Add up what was used."""

from datetime import date, datetime, timedelta

from django.db import connection

from monitor.models import UsageDay

KEPT_FOR = timedelta(days=400)
# Taken away and added in one statement, so nothing is lost or counted twice; in one order, so that two at it
# never wait for each other crosswise. What an organization used that is gone meanwhile is gone, too.
ADD_UP = """
WITH taken AS (DELETE FROM usage_delta RETURNING *)
INSERT INTO usage_day AS d (organization_id, day, key_id, mode,
    logs, bytes, requests, replays, checks, deliveries)
SELECT organization_id, day, key_id, mode,
    sum(logs), sum(bytes), sum(requests), sum(replays), sum(checks), sum(deliveries)
FROM taken WHERE EXISTS (SELECT FROM organization o WHERE o.id = organization_id)
GROUP BY organization_id, day, key_id, mode ORDER BY organization_id, day, key_id, mode
ON CONFLICT ON CONSTRAINT usage_day_once DO UPDATE SET
    logs = d.logs + excluded.logs, bytes = d.bytes + excluded.bytes,
    requests = d.requests + excluded.requests, replays = d.replays + excluded.replays,
    checks = d.checks + excluded.checks, deliveries = d.deliveries + excluded.deliveries
"""


def add_up() -> None:
    with connection.cursor() as cursor:
        cursor.execute(ADD_UP)


def forget_old(*, now: datetime) -> None:
    UsageDay.objects.filter(day__lt=oldest_day(now=now)).delete()


def oldest_day(*, now: datetime) -> date:
    """The first day that usage is kept of."""
    return now.date() - KEPT_FOR
