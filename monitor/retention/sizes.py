"""How much of each day belongs to which service, from a sample: counting all would read the whole log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from psycopg import sql

from monitor.models.partitions import day_bytes, partition_name

# Pages of 8 KiB that are read of a day, spread over it: some ten thousand logs, within milliseconds.
SAMPLED_PAGES = 300
# A day that has not grown since is not sampled again.
REMEMBER_S = 24 * 3600
PAGES = "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::bigint"
SAMPLE = sql.SQL(
    "SELECT service_id, coalesce(sum(pg_column_size(log.*)), 0),"
    " coalesce(sum(pg_column_size(packed)), 0)"
    " FROM {logs} log TABLESAMPLE SYSTEM (%s) REPEATABLE (1) LEFT JOIN {payloads} ON log_id = id"
    " GROUP BY service_id"
)


@dataclass(frozen=True, kw_only=True)
class DaySize:
    """A day on disk, and about how much of it each service takes.."""

    day: date
    size_bytes: int
    by_service: Mapping[UUID, int]


def size_of(day: date) -> DaySize:
    size = day_bytes(day)
    key = f"day_size:{day}:{size}"
    known: DaySize | None = cache.get(key)
    if known is None:
        known = DaySize(day=day, size_bytes=size, by_service=shares(day, size))
        cache.set(key, known, REMEMBER_S)
    return known


def shares(day: date, size_bytes: int) -> dict[UUID, int]:
    """The day's bytes dealt out by what the sampled logs and payloads of each service weigh."""
    names = {"logs": partition_name("request_log", day), "payloads": partition_name("log_payload", day)}
    with connection.cursor() as cursor:
        cursor.execute(PAGES, [names["logs"]])
        pages = int(cursor.fetchone()[0] or 0)
        if not pages:
            return {}
        percent = min(100.0, 100.0 * SAMPLED_PAGES / pages)
        statement = SAMPLE.format(**{name: sql.Identifier(value) for name, value in names.items()})
        cursor.execute(statement, [percent])
        weights = {service_id: int(logs) + int(payloads) for service_id, logs, payloads in cursor}
    total = sum(weights.values())
    return (
        {service_id: size_bytes * weight // total for service_id, weight in weights.items()} if total else {}
    )
