"""Turn deltas into rollups.

Every round takes some deltas away and adds what they say to minutes and all longer spans, in one transaction:
a round that is cut short has done nothing, and nothing can be added twice. All resolutions are written at
once, so each is whole but for the deltas that wait, and late logs need no second thought.
"""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from monitor.metrics import facts, rollups
from monitor.metrics.cells import Cells, coarser, minutes_of
from monitor.metrics.facts import Fact
from monitor.metrics.folds import folded, marks_of
from monitor.metrics.rollups import HoursFrom
from monitor.models import Service
from monitor.models.metrics import Resolution

# In one round; about 20,000 logs when senders send one at a time, and more in batches.
DELTAS_A_ROUND = 500
COARSER = (Resolution.TEN_MINUTES, Resolution.HOUR, Resolution.SIX_HOURS, Resolution.DAY)


def compact(*, now: datetime) -> int:
    """Compact all deltas that are committed. Gives how many were; 0 also when another worker is at it."""
    compacted = 0
    while taken := compact_round(now=now):
        compacted += taken
        if taken < DELTAS_A_ROUND:
            break
    return compacted


@transaction.atomic
def compact_round(*, now: datetime, limit: int = DELTAS_A_ROUND) -> int:
    """Compact at most `limit` deltas. Gives how many were; 0 also when another worker is at it."""
    with connection.cursor() as cursor:
        # Two rounds at once would read the same rollups and each write its own sum.
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [rollups.ROLLUP_LOCK])
        if cursor.fetchone() != (True,):
            return 0
    return take_in(limit, now=now)


def take_in(limit: int | None, *, now: datetime) -> int:
    """Add the oldest deltas to the rollups. The caller is in a transaction and holds ROLLUP_LOCK.

    Deltas that are committed later with a lower id are found the next time: nothing remembers a place.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM metric_delta WHERE id IN (SELECT id FROM metric_delta ORDER BY id LIMIT %s)"
            " RETURNING packed",
            [limit],
        )
        packed = [row[0] for row in cursor.fetchall()]
    if packed:
        found = alive([fact for each in packed for fact in facts.unpack(each)])
        marks = marks_of({fact.service for fact in found})
        hours_from = {service: mark.hours_from for service, mark in marks.items()}
        cells = cells_of(found, now=now, hours_from=hours_from)
        rollups.add(cells | folded(cells, marks))
    return len(packed)


def alive(found: list[Fact]) -> list[Fact]:
    """The facts of services that are not deleted; these stay until the transaction ends."""
    services = {UUID(bytes=service) for service in {fact.service for fact in found}}
    there = Service.objects.alive().filter(id__in=services).order_by("id").select_for_update(no_key=True)
    ids = {service_id.bytes for service_id in there.values_list("id", flat=True)}
    return [fact for fact in found if fact.service in ids]


def cells_of(found: list[Fact], *, now: datetime, hours_from: HoursFrom) -> Cells:
    """All cells that facts belong to, from minutes to days; none that would be removed right away."""
    return whole(minutes_of(found), now=now, hours_from=hours_from)


def whole(minutes: Cells, *, now: datetime, hours_from: HoursFrom) -> Cells:
    """Minutes with all longer spans, without what would be removed right away."""
    all_cells, finer = dict(minutes), minutes
    for resolution in COARSER:
        finer = coarser(finer, resolution)
        all_cells |= finer
    return {
        key: cell
        for key, cell in all_cells.items()
        if rollups.is_worth_writing(key, now=now, hours_from=hours_from)
    }
