"""Recount the logs, and prove that the rollups say the same; or make them say it.

Rollups of source `client` are left alone: nothing here could recount them.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import SerializationFailure

from monitor.lib.histogram import bucket_of
from monitor.metrics import rollups
from monitor.metrics.cells import Cells
from monitor.metrics.compact import cells_of, take_in
from monitor.metrics.facts import Fact
from monitor.metrics.folds import make_of_day, marks_of, wrong_of_day
from monitor.metrics.gather import lean
from monitor.metrics.question import first_whole_day
from monitor.metrics.rollups import HoursFrom
from monitor.metrics.tiles import EPOCH
from monitor.models import RequestLog
from monitor.models.logs import RequestLogQuerySet
from monitor.models.partitions import existing_days, start_of

logger = logging.getLogger(__name__)
MAX_TRIES = 5
RECOUNT = """
SELECT date_bin(%s, captured_at, %s), environment, mode, method, status_code::int, has_failed,
    {endpoint}, consumer_id, count(*), coalesce(sum(request_bytes), 0), coalesce(sum(response_bytes), 0),
    count(request_bytes), count(response_bytes), coalesce(sum(latency_ms), 0),
    array_agg(latency_ms) FILTER (WHERE latency_ms IS NOT NULL)
FROM ({logs}) AS logs GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One service and day: how many requests and rollup rows were compared, and how many rows were wrong."""

    service_id: UUID
    day: date
    requests: int
    rows: int
    wrong: int


def days_with_logs(service_id: UUID, *, now: datetime) -> list[date]:
    """The days whose logs are all there, oldest first: those before may have lost some."""
    oldest = first_whole_day([service_id], now).date()
    return [day for day in existing_days() if day >= oldest]


def check_day(service_id: UUID, day: date, *, repair: bool, now: datetime) -> Checked:
    """Recount a day of a service and compare; with `repair`, put right what is wrong."""
    with rollup_lock():
        for _ in range(MAX_TRIES):
            try:
                return _check_day(service_id, day, repair=repair, now=now)
            except OperationalError as error:
                # Someone changed a service that a delta speaks of. Nothing was written.
                if not isinstance(error.__cause__, SerializationFailure):
                    raise
        raise RuntimeError("Services kept being changed while their numbers were being checked.")


@contextmanager
def rollup_lock() -> Iterator[None]:
    """Nobody else changes rollups within. Taken before the transaction, so that its snapshot is later."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [rollups.ROLLUP_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [rollups.ROLLUP_LOCK])


def _check_day(service_id: UUID, day: date, *, repair: bool, now: datetime) -> Checked:
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            # One snapshot for deltas, logs and rollups: logs that arrive meanwhile are in none of them.
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        take_in(None, now=now)
        since = start_of(day)
        until = since + timedelta(days=1)
        facts = recount(service_id, since, until)
        marks = marks_of([service_id.bytes])
        hours_from = {service: mark.hours_from for service, mark in marks.items()}
        counted = lasting(cells_of(facts, now=now, hours_from=hours_from), now=now, hours_from=hours_from)
        there = lasting(rollups.find_within(service_id, since, until), now=now, hours_from=hours_from)
        wrong = {key for key, cell in counted.items() if key not in there or not cell.agrees_with(there[key])}
        too_many = there.keys() - counted.keys()
        if repair:
            # Those that cannot say how many told a size can now.
            unsized = {key for key, cell in there.items() if key in counted and not cell.is_sized}
            rollups.write({key: counted[key] for key in wrong | unsized})
            rollups.remove(too_many)
        # Longer spans are held against their days, as those may have lost their logs.
        long_rows, long_wrong = wrong_of_day(service_id, day)
        if repair and long_wrong:
            make_of_day(service_id, day)
    return Checked(
        service_id=service_id,
        day=day,
        requests=sum(fact.requests for fact in facts),
        rows=len(counted.keys() | there.keys()) + long_rows,
        wrong=len(wrong) + len(too_many) + long_wrong,
    )


def lasting(cells: Cells, *, now: datetime, hours_from: HoursFrom) -> Cells:
    """The cells that readers look at; older ones are about to be removed and may be partial."""
    return {
        key: cell
        for key, cell in cells.items()
        if key.start
        >= rollups.kept_from(
            key.resolution, key.family, now=now, hours_from=hours_from.get(key.service)
        ).timestamp()
    }


def recount(
    service_id: UUID, since: datetime, until: datetime, *, endpoints: Sequence[UUID] | None = None
) -> list[Fact]:
    """What the logs themselves say, all of them or those of these endpoints, an hour at a time to bound the
    memory that sorting takes."""
    logs = RequestLog.objects.of_services([service_id])
    if endpoints is not None:
        logs = logs.filter(endpoint__in=endpoints)
    facts: list[Fact] = []
    while since < until:
        facts += recount_span(service_id, logs.within(since, since + timedelta(hours=1)))
        since += timedelta(hours=1)
    return facts


def recount_hours(service_id: UUID, since: datetime, until: datetime) -> list[Fact]:
    """The same by hour and without endpoints: a tenth of the facts, for hours of consumers."""
    logs = RequestLog.objects.of_services([service_id])
    facts: list[Fact] = []
    while since < until:
        within = logs.within(since, since + timedelta(hours=1))
        facts += recount_span(service_id, within, bin_=timedelta(hours=1), endpoint="NULL::uuid")
        since += timedelta(hours=1)
    return facts


def recount_span(
    service_id: UUID,
    logs: RequestLogQuerySet,
    *,
    bin_: timedelta = timedelta(minutes=1),
    endpoint: str = "endpoint_id",
) -> list[Fact]:
    inner, params = lean(logs)
    values: list[Any] = [bin_, EPOCH, *params]
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT.format(logs=inner, endpoint=endpoint), values)
        return [
            Fact(
                minute=int(row[0].timestamp()) // 60,
                service=service_id.bytes,
                environment=row[1],
                mode=row[2],
                method=row[3],
                status_code=row[4],
                failed=row[5],
                endpoint=row[6].bytes if row[6] else b"",
                consumer=row[7].bytes if row[7] else b"",
                requests=row[8],
                request_bytes=row[9],
                response_bytes=row[10],
                request_sized=row[11],
                response_sized=row[12],
                latency_ms=row[13],
                buckets=[bucket_of(latency_ms) for latency_ms in row[14] or ()],
            )
            for row in cursor.fetchall()
        ]
