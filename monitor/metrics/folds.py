"""Days that are over, added up to spans of four and of sixteen, for windows of weeks.

Thirty days of 500 consumers are 50,000 rows by the day and a fifth of that in longer spans. These are made of
the days by the worker, a span at a time and in order, so one moment a service tells how far they reach. What
comes late is added to them as to the days, in the same transaction; a day that is put right or moved has its
spans made anew.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from monitor.metrics import rollups, tiles
from monitor.metrics.cells import SECONDS, Cell, Cells, coarser
from monitor.metrics.counted import Place
from monitor.metrics.tiles import BLOCKS, EPOCH, LENGTHS
from monitor.models import MetricFold, Service
from monitor.models.metrics import Family, Resolution, Source
from monitor.models.partitions import start_of

SHORTEST = LENGTHS[BLOCKS[0]]
# What each is made of: four of the one before it.
MADE_OF = {Resolution.FOUR_DAYS: Resolution.DAY, Resolution.SIXTEEN_DAYS: Resolution.FOUR_DAYS}


# Both by one look, as nearly every question to rollups needs both.
STANDING = """
SELECT service_id, environment, mode, day, NULL::timestamptz, NULL::timestamptz FROM counted_day
WHERE service_id = ANY(%s) AND day >= %s AND day <= %s
UNION ALL
SELECT NULL, NULL, NULL, NULL, min(until), CASE WHEN count(hours_from) = count(*) THEN max(hours_from) END
FROM metric_fold WHERE service_id = ANY(%s) HAVING count(*) = %s
"""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What there is to read of some services: the days in a window that clients have counted, until when all
    of their days are folded, and since when all have the hours of their consumers."""

    counted: Sequence[Place] = ()
    folded_until: datetime | None = None
    hours_from: datetime | None = None


def standing(services: Sequence[UUID], since: datetime, until: datetime) -> Standing:
    """How it stands. What is folded stays so; hours that are given up are removed by a later task."""
    ids = list(set(services))
    if not ids:
        return Standing()
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [ids, since.date(), until.date(), ids, len(ids)])
        rows = cursor.fetchall()
    ends = next(([*map(in_utc, row[4:])] for row in rows if row[0] is None), [None, None])
    counted = [Place(*row[:4]) for row in rows if row[0] is not None]
    return Standing(counted=counted, folded_until=ends[0], hours_from=ends[1])


def in_utc(moment: datetime | None) -> datetime | None:
    return moment and moment.astimezone(UTC)


def marks_of(services: Iterable[bytes]) -> dict[bytes, MetricFold]:
    """How far each service is folded, by the bytes of its id. Certain as long as ROLLUP_LOCK is held."""
    ids = [UUID(bytes=service) for service in services]
    return {mark.service_id.bytes: mark for mark in MetricFold.objects.filter(service__in=ids)}


def folded(cells: Cells, marks: Mapping[bytes, MetricFold]) -> Cells:
    """What these cells, of all resolutions up to the day, add to longer spans that are made already."""
    until = {service: mark.until.timestamp() for service, mark in marks.items()}
    longer: Cells = defaultdict(Cell)
    for key, cell in cells.items():
        if key.resolution != Resolution.DAY:
            continue
        for resolution in BLOCKS:
            seconds = SECONDS[resolution]
            start = key.start - key.start % seconds
            if start + seconds <= until.get(key.service, 0):
                longer[key._replace(resolution=resolution.value, start=start)].merge(cell)
    return dict(longer)


def fold(*, now: datetime) -> int:
    """Fold the days of every service that are over. Gives how many spans were made."""
    services = Service.objects.alive().order_by("id").values_list("id", flat=True)
    return sum(fold_service(service_id, now=now) for service_id in list(services))


def fold_service(service_id: UUID, *, now: datetime) -> int:
    """Fold the days of a service that are over, each span in a transaction of its own: senders' numbers wait
    for none longer than it takes, and a killed worker goes on where it was."""
    made = 0
    while (count := _fold_next(service_id, now=now)) is not None:
        made += count
    return made


@transaction.atomic
def _fold_next(service_id: UUID, *, now: datetime) -> int | None:
    """Make the next span of four days, and one of sixteen where it is complete; None when all are made."""
    lock()
    if not Service.objects.alive().filter(id=service_id).select_for_update(no_key=True).exists():
        return None
    last = tiles.floor(now.astimezone(UTC), SHORTEST)
    fold = MetricFold.objects.filter(service=service_id).first()
    start = fold.until.astimezone(UTC) if fold else tiles.floor(first_day(service_id) or last, SHORTEST)
    if fold and start >= last:
        return None
    # Of a service without numbers there is nothing to make.
    until = min(start + SHORTEST, last)
    ended = [each for each in BLOCKS if until > start and (until - EPOCH) % LENGTHS[each] == timedelta()]
    for resolution in ended:
        make(service_id, resolution, until - LENGTHS[resolution])
    MetricFold.objects.update_or_create(service_id=service_id, defaults={"until": until})
    return len(ended)


def first_day(service_id: UUID) -> datetime | None:
    """The oldest day that a service has numbers of."""
    with connection.cursor() as cursor:
        cursor.execute(
            # A look into the index for each family.
            "SELECT min(oldest.start) FROM unnest(%s::text[]) AS families (family) CROSS JOIN"
            " LATERAL (SELECT min(start) AS start FROM metric_rollup WHERE service_id = %s"
            " AND family = families.family AND resolution = 'day') AS oldest",
            [Family.values, service_id],
        )
        found: datetime | None = cursor.fetchone()[0]
        return found.astimezone(UTC) if found else None


def make(service_id: UUID, resolution: Resolution, start: datetime, *, family: Family | None = None) -> None:
    """Put a span, or a family of it, in the place of what is there. The caller is in a transaction and holds
    ROLLUP_LOCK."""
    made = sum_of_parts(service_id, resolution, start, family)
    rollups.remove(there(service_id, resolution, start, family).keys() - made.keys())
    rollups.write(made)


def make_of_day(service_id: UUID, day: date, *, family: Family | None = None) -> None:
    """Make the spans anew that a day is in, as far as they were made. The caller holds ROLLUP_LOCK."""
    for resolution, start in spans_of(service_id, day):
        make(service_id, resolution, start, family=family)


def wrong_of_day(service_id: UUID, day: date) -> tuple[int, int]:
    """How many rows the spans have that a day is in, and how many of these are not what their parts add up
    to. The caller holds ROLLUP_LOCK."""
    rows = wrong = 0
    for resolution, start in spans_of(service_id, day):
        made, found = sum_of_parts(service_id, resolution, start), there(service_id, resolution, start)
        rows += len(made.keys() | found.keys())
        wrong += len(found.keys() - made.keys())
        wrong += sum(key not in found or not cell.agrees_with(found[key]) for key, cell in made.items())
    return rows, wrong


def spans_of(service_id: UUID, day: date) -> list[tuple[Resolution, datetime]]:
    """The spans that hold a day and are made, shortest first."""
    fold = MetricFold.objects.filter(service=service_id).first()
    starts = ((each, tiles.floor(start_of(day), LENGTHS[each])) for each in BLOCKS)
    return [(each, start) for each, start in starts if fold and start + LENGTHS[each] <= fold.until]


def sum_of_parts(
    service_id: UUID, resolution: Resolution, start: datetime, family: Family | None = None
) -> Cells:
    parts = rollups.find_within(
        service_id,
        start,
        start + LENGTHS[resolution],
        family=family,
        sources=Source.values,
        resolutions=[MADE_OF[resolution].value],
    )
    return coarser(parts, resolution)


def there(service_id: UUID, resolution: Resolution, start: datetime, family: Family | None = None) -> Cells:
    end = start + LENGTHS[resolution]
    return rollups.find_within(
        service_id, start, end, family=family, sources=Source.values, resolutions=[resolution.value]
    )


def lock() -> None:
    """Nobody else changes rollups until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [rollups.ROLLUP_LOCK])
