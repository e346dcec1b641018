"""Numbers that change their endpoint, a day at a time, together with the logs they are of.

A reader sees a day before or after: logs and rollups change in one transaction, which starts from one
snapshot of logs, rollups and the deltas that wait. Logs that are being kept meanwhile are in none of them.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import SerializationFailure

from monitor.metrics import rollups
from monitor.metrics.cells import Cells
from monitor.metrics.check import MAX_TRIES, recount, rollup_lock
from monitor.metrics.compact import cells_of, take_in
from monitor.metrics.folds import make_of_day
from monitor.models.metrics import Family, Source
from monitor.models.partitions import start_of

MoveLogs = Callable[[datetime, datetime], int]


def move_all(
    service_id: UUID, day: date, *, source: UUID, target: UUID, move_logs: MoveLogs, now: datetime
) -> int:
    """The numbers of `source` on this day become those of `target`. Gives how many logs `move_logs` moved
    within the two moments that it was called with."""

    def move(since: datetime, until: datetime) -> int:
        moved = move_logs(since, until)
        # Numbers that clients counted, too.
        there = found(service_id, since, until, {source}, sources=Source.values)
        rollups.add({key._replace(subject=str(target)): cell for key, cell in there.items()})
        rollups.remove(there)
        make_of_day(service_id, day, family=Family.ENDPOINT)
        return moved

    return on_one_snapshot(day, move, now=now)


def move_counts(service_id: UUID, day: date, *, source: UUID, target: UUID, now: datetime) -> None:
    """The numbers that clients counted of `source` on this day become those of `target`, without logs."""

    def move(since: datetime, until: datetime) -> int:
        there = found(service_id, since, until, {source}, sources=[Source.CLIENT])
        rollups.add({key._replace(subject=str(target)): cell for key, cell in there.items()})
        rollups.remove(there)
        make_of_day(service_id, day, family=Family.ENDPOINT)
        return 0

    on_one_snapshot(day, move, now=now)


def move_some(
    service_id: UUID, day: date, *, source: UUID, target: UUID, move_logs: MoveLogs, now: datetime
) -> int:
    """The same where only some of the logs move: both are counted anew from the logs of the day, which must
    all be there still."""

    def move(since: datetime, until: datetime) -> int:
        moved = move_logs(since, until)
        if not moved:
            return 0
        subjects = {str(source), str(target)}
        facts = recount(service_id, since, until, endpoints=[source, target])
        counted = {
            key: cell
            for key, cell in cells_of(facts, now=now, hours_from={}).items()
            if key.family == Family.ENDPOINT and key.subject in subjects
        }
        rollups.remove(found(service_id, since, until, {source, target}).keys() - counted.keys())
        rollups.write(counted)
        make_of_day(service_id, day, family=Family.ENDPOINT)
        return moved

    return on_one_snapshot(day, move, now=now)


def found(
    service_id: UUID,
    since: datetime,
    until: datetime,
    endpoints: set[UUID],
    *,
    sources: Sequence[str] = (Source.LOGS.value,),
) -> Cells:
    """The cells of these endpoints that start within a span."""
    subjects = {str(endpoint) for endpoint in endpoints}
    there = rollups.find_within(service_id, since, until, family=Family.ENDPOINT, sources=sources)
    return {key: cell for key, cell in there.items() if key.subject in subjects}


def on_one_snapshot(day: date, move: MoveLogs, *, now: datetime) -> int:
    """Run the move of a day, again where somebody changed the same logs or services meanwhile."""
    with rollup_lock():
        for _ in range(MAX_TRIES):
            try:
                return _move_day(day, move, now=now)
            except OperationalError as error:
                if not isinstance(error.__cause__, SerializationFailure):
                    raise
        raise RuntimeError("The logs of a day kept being changed while their endpoint was.")


def _move_day(day: date, move: MoveLogs, *, now: datetime) -> int:
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        take_in(None, now=now)
        since = start_of(day)
        return move(since, since + timedelta(days=1))


def days_with_numbers(endpoint_id: UUID, *, sources: Sequence[str] = tuple(Source.values)) -> set[date]:
    """The days of which rollups tell of an endpoint: they outlive the logs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT (start AT TIME ZONE 'UTC')::date FROM metric_rollup WHERE subject = %s"
            " AND family = 'endpoint' AND source = ANY(%s)",
            [str(endpoint_id), list(sources)],
        )
        return {day for (day,) in cursor.fetchall()}
