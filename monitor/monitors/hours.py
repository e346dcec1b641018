"""How long each monitor was in which state, hour by hour: added to with each check, so that a year's uptime
reads 8,760 rows and no beat."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from monitor.monitors.states import State

HOUR = timedelta(hours=1)
# A failure that waits for its retry counts as down, as in Uptime Kuma and Peekaping.
_COLUMN = {State.UP: 0, State.DOWN: 1, State.PENDING: 1, State.MAINTENANCE: 2}

ADD = """
INSERT INTO monitor_hour (monitor_id, hour, up_ms, down_ms, maintenance_ms, checks, failures, answers,
                          response_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (monitor_id, hour) DO UPDATE SET
    up_ms = monitor_hour.up_ms + EXCLUDED.up_ms,
    down_ms = monitor_hour.down_ms + EXCLUDED.down_ms,
    maintenance_ms = monitor_hour.maintenance_ms + EXCLUDED.maintenance_ms,
    checks = monitor_hour.checks + EXCLUDED.checks,
    failures = monitor_hour.failures + EXCLUDED.failures,
    answers = monitor_hour.answers + EXCLUDED.answers,
    response_ms = monitor_hour.response_ms + EXCLUDED.response_ms
"""


@dataclass(frozen=True, kw_only=True)
class Spell:
    """A time in one state, with the checks at its end."""

    monitor_id: UUID
    state: State
    start: datetime
    end: datetime
    checks: int = 0
    failures: int = 0
    response_ms: float | None = None


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def by_hour(spell: Spell) -> Iterator[tuple[datetime, int]]:
    """The hours that the spell touches, and its milliseconds in each."""
    at = spell.start.astimezone(UTC)
    while True:
        hour = hour_of(at)
        end = min(spell.end.astimezone(UTC), hour + HOUR)
        yield hour, round((end - at).total_seconds() * 1000)
        if end >= spell.end:
            return
        at = end


def add_to_hours(spells: Iterable[Spell]) -> None:
    """Add the spells up. Rows are written in one order, so two that write at once wait for each other."""
    sums: dict[tuple[UUID, datetime], list[float]] = defaultdict(lambda: [0, 0, 0, 0, 0, 0, 0.0])
    for spell in spells:
        column = _COLUMN.get(spell.state)
        for hour, milliseconds in by_hour(spell):
            row = sums[spell.monitor_id, hour]
            if column is not None:
                row[column] += milliseconds
        last = sums[spell.monitor_id, hour_of(spell.end)]
        last[3] += spell.checks
        last[4] += spell.failures
        if spell.response_ms is not None:
            last[5] += 1
            last[6] += spell.response_ms
    with connection.cursor() as cursor:
        cursor.executemany(ADD, [[id_, hour, *row] for (id_, hour), row in sorted(sums.items())])
