"""Let old events, deliveries and secrets go, a few thousand rows at a time. What is not finished stays."""

from datetime import datetime, timedelta

from django.db import connection

from monitor.lib.ids import uuid7_floor
from monitor.models import WebhookDelivery, WebhookSecret
from monitor.models.webhooks import DeliveryStatus

DELIVERIES_KEPT = timedelta(days=30)
EVENTS_KEPT = timedelta(days=90)
BATCH = 5_000
# Attempts go with their delivery; both by plain statements, as Django would load them to delete them.
FORGET_DELIVERIES = """
WITH old AS MATERIALIZED (
    SELECT id FROM webhook_delivery WHERE id < %s AND status NOT IN ('pending', 'leased')
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
), attempts AS (
    DELETE FROM webhook_attempt a USING old WHERE a.delivery_id = old.id
)
DELETE FROM webhook_delivery d USING old WHERE d.id = old.id
"""
FORGET_EVENTS = """
DELETE FROM event WHERE id IN (
    SELECT id FROM event WHERE id < %s
    AND NOT EXISTS (SELECT FROM webhook_delivery d WHERE d.event_id = event.id)
    ORDER BY id LIMIT %s)
"""


def forget_old(*, now: datetime) -> int:
    """How many deliveries and events went."""
    WebhookSecret.objects.filter(expires_at__lte=now).delete()
    cancel_orphans(now=now)
    return in_batches(FORGET_DELIVERIES, now - DELIVERIES_KEPT) + in_batches(FORGET_EVENTS, now - EVENTS_KEPT)


def cancel_orphans(*, now: datetime) -> None:
    """An event that was told in the moment its endpoint was removed left a delivery that nobody takes."""
    orphans = WebhookDelivery.objects.filter(
        status=DeliveryStatus.PENDING, endpoint__deleted_at__isnull=False
    )
    orphans.update(status=DeliveryStatus.CANCELLED, finished_at=now, next_attempt_at=None)


def in_batches(statement: str, before: datetime) -> int:
    gone = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement, [uuid7_floor(before), BATCH])
            count = int(cursor.rowcount)
            gone += count
            if count < BATCH:
                return gone
