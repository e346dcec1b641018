"""Drop all that test keys, the sandbox and tests of webhooks have left, in small bites."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from monitor.metrics import rollups
from monitor.metrics.compact import take_in
from monitor.models import CountedDay, ErrorCount, ErrorIssue, Event, Instance, Service, WebhookDelivery
from monitor.models.keys import Mode

ROWS_A_BITE = 5_000
NOTHING = UUID(int=0)
# Walks upwards by id, so that what is live is passed once. What was copied from a log goes with it.
LOGS = """
WITH bite AS MATERIALIZED (
    SELECT id FROM request_log
    WHERE service_id = ANY(%(services)s) AND mode = 'test' AND id > %(after)s ORDER BY id LIMIT %(rows)s
), payloads AS (
    DELETE FROM log_payload WHERE log_id IN (SELECT id FROM bite)
), events AS (
    DELETE FROM alert_event WHERE log_id IN (SELECT id FROM bite)
), replays AS (
    DELETE FROM replay WHERE original_log_id IN (SELECT id FROM bite)
), logs AS (
    DELETE FROM request_log WHERE id IN (SELECT id FROM bite)
)
SELECT id, (SELECT count(*) FROM bite) FROM bite ORDER BY id DESC LIMIT 1
"""
ROLLUPS = """
DELETE FROM metric_rollup WHERE ctid = ANY(ARRAY(SELECT ctid FROM metric_rollup
WHERE service_id = ANY(%(services)s) AND mode = 'test' LIMIT %(rows)s))
"""


def drop_test_data(organization_id: UUID, *, now: datetime) -> int:
    """How many logs of test mode went, with their numbers, issues, events and deliveries.

    Keys, endpoints and consumers stay: they are of no mode, or are set up rather than data. Harmless twice.
    """
    services = list(Service.objects.filter(organization=organization_id).values_list("id", flat=True))
    removed = drop_logs(services)
    drop_numbers(services, now=now)
    for model in (ErrorIssue, ErrorCount, Instance, CountedDay):
        model._default_manager.filter(service__in=services, mode=Mode.TEST).delete()
    drop_events(organization_id)
    return removed


def drop_logs(services: Sequence[UUID]) -> int:
    removed, after = 0, NOTHING
    while True:
        # Each bite is a transaction of its own: nobody waits, and a killed worker loses one.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOGS, {"services": list(services), "after": after, "rows": ROWS_A_BITE})
            row = cursor.fetchone()
        if row is None:
            return removed
        after, count = row
        removed += int(count)


def drop_numbers(services: Sequence[UUID], *, now: datetime) -> None:
    """Rollups, after what still waits as deltas has become some: deltas hold all modes together."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [rollups.ROLLUP_LOCK])
        take_in(None, now=now)
    while True:
        # Under the lock, or somebody who has read these would write them again.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [rollups.ROLLUP_LOCK])
            cursor.execute(ROLLUPS, {"services": list(services), "rows": ROWS_A_BITE})
            if cursor.rowcount < ROWS_A_BITE:
                return


def drop_events(organization_id: UUID) -> None:
    events = Event.objects.filter(organization=organization_id, mode=Mode.TEST)
    while ids := list(events.order_by("id").values_list("id", flat=True)[:1_000]):
        with transaction.atomic():
            WebhookDelivery.objects.filter(event__in=ids).delete()
            Event.objects.filter(id__in=ids).delete()
