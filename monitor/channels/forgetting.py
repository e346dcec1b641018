"""Let go of what was told too long ago, a few thousand rows at a time. What is not finished stays."""

from datetime import datetime

from django.db import connection

from monitor.lib.ids import uuid7_floor
from monitor.models import Notification

BATCH = 5_000
# Deliveries and attempts go with their notification, by plain statements: Django would load them all.
FORGET = """
WITH old AS MATERIALIZED (
    SELECT n.id FROM notification n WHERE n.id < %s AND NOT EXISTS (
        SELECT FROM notification_delivery d
        WHERE d.notification_id = n.id AND d.status IN ('pending', 'leased'))
    ORDER BY n.id LIMIT %s
), tries AS (
    DELETE FROM notification_attempt a USING notification_delivery d, old
    WHERE a.delivery_id = d.id AND d.notification_id = old.id
), deliveries AS (
    DELETE FROM notification_delivery d USING old WHERE d.notification_id = old.id
)
DELETE FROM notification n USING old WHERE n.id = old.id
"""


def forget_old(*, now: datetime) -> int:
    """How many notifications went."""
    gone = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(FORGET, [uuid7_floor(now - Notification.KEPT), BATCH])
            count = int(cursor.rowcount)
            gone += count
            if count < BATCH:
                return gone
