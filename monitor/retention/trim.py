"""Remove a few expired logs of a day in place; for many, rewriting the day is quicker and frees the disk."""

from datetime import datetime

from django.db import connection, transaction
from psycopg import sql

from monitor.models.partitions import partition_name
from monitor.retention.policy import EXPIRED, Expiry, locked_expiry

# Each bite is a transaction of its own, so nobody waits and a killed worker loses one bite.
ROWS_A_BITE = 5_000
BITE = sql.SQL(
    "WITH bite AS (SELECT id FROM {logs} WHERE {expired} LIMIT %(rows)s),"
    " payloads AS (DELETE FROM {payloads} WHERE log_id IN (SELECT id FROM bite))"
    " DELETE FROM {logs} WHERE id IN (SELECT id FROM bite)"
)
COUNT = sql.SQL("SELECT count(*) FROM (SELECT 1 FROM {logs} WHERE {expired} LIMIT %(most)s) counted")


def count_expired(expiry: Expiry, *, most: int) -> int:
    """How many logs of the day have expired, counted up to `most`."""
    if not expiry:
        return 0
    statement = COUNT.format(
        logs=sql.Identifier(partition_name("request_log", expiry.day)), expired=sql.SQL(EXPIRED)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {**expiry.arguments, "most": most})
        return int(cursor.fetchone()[0])


def trim_day(expiry: Expiry, *, now: datetime) -> int:
    """Remove the day's expired logs with their payloads, and give how many there were."""
    statement = BITE.format(
        logs=sql.Identifier(partition_name("request_log", expiry.day)),
        payloads=sql.Identifier(partition_name("log_payload", expiry.day)),
        expired=sql.SQL(EXPIRED),
    )
    removed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            current = locked_expiry(expiry, now=now)
            cursor.execute(statement, {**current.arguments, "rows": ROWS_A_BITE})
            bite = int(cursor.rowcount)
            removed += bite
            if bite < ROWS_A_BITE:
                return removed
