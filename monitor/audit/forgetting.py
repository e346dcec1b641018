"""Let the oldest of the audit log go. The database keeps three months, whatever is asked of it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from monitor.lib.ids import uuid7_floor

BATCH = 5_000
FORGET = "DELETE FROM audit_entry WHERE id IN (SELECT id FROM audit_entry WHERE id < %s ORDER BY id LIMIT %s)"


def forget_old(*, now: datetime) -> int:
    """How many rows went: those older than AUDIT_DAYS."""
    before = uuid7_floor(now - timedelta(days=settings.AUDIT_DAYS))
    count = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL apimonitor.audit_retention = 'on'")
            cursor.execute(FORGET, [before, BATCH])
            gone = int(cursor.rowcount)
            # Ends with the transaction in any case; in a test that is one with the caller's.
            cursor.execute("SET LOCAL apimonitor.audit_retention = 'off'")
        count += gone
        if gone < BATCH:
            return count
