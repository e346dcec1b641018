"""The rows of evaluations, in a partition a day that is dropped whole when its time is over."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

from django.db import connection
from psycopg import sql

from monitor.lib.locks import patiently
from monitor.models import AlertEvaluation
from monitor.models.partitions import existing_days, make_day, partition_name

TABLE = AlertEvaluation._meta.db_table
# A group whose state does not change leaves a row this often.
EVERY = timedelta(hours=1)


def keep_evaluations(rows: Sequence[AlertEvaluation], *, now: datetime) -> None:
    """Write them, into the partition of today, which is made when it is missing."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [partition_name(TABLE, today(now))])
        is_missing = cursor.fetchone() == (None,)
    if is_missing:
        make_day(today(now), [TABLE])
    AlertEvaluation.objects.bulk_create(rows, batch_size=2_000)


def today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def drop_old_evaluations(*, now: datetime) -> list[date]:
    """Drop the days past their time; gives which. Raises StillLocked when the table is in use all along."""
    last = today(now - AlertEvaluation.KEPT)
    due = [day for day in existing_days(TABLE) if day < last]
    for day in due:
        statement = sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(partition_name(TABLE, day)))
        patiently(partial(run, statement))
    return due


def run(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
