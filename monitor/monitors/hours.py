"""How long each monitor was in which state, hour by hour: added to with each check, so that a year's uptime
reads 8,760 rows and no beat."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from monitor.lib.rows import as_json, run
from monitor.monitors.states import State

HOUR = timedelta(hours=1)
# A failure that waits for its retry counts as down, as in Uptime Kuma and Peekaping.
_COLUMN = {
    State.UP: "up_ms",
    State.DOWN: "down_ms",
    State.PENDING: "down_ms",
    State.MAINTENANCE: "maintenance_ms",
}

# Rows as JSON, in their order: two that write at once then wait for each other.
ADD = """
INSERT INTO monitor_hour AS h (monitor_id, hour, up_ms, down_ms, maintenance_ms, checks, failures,
    answers, response_ms)
SELECT * FROM json_to_recordset(%(hours)s::json) AS t(
    monitor_id uuid, hour timestamptz, up_ms int8, down_ms int8, maintenance_ms int8, checks int4,
    failures int4, answers int4, response_ms float8)
ON CONFLICT (monitor_id, hour) DO UPDATE SET
    up_ms = h.up_ms + EXCLUDED.up_ms, down_ms = h.down_ms + EXCLUDED.down_ms,
    maintenance_ms = h.maintenance_ms + EXCLUDED.maintenance_ms, checks = h.checks + EXCLUDED.checks,
    failures = h.failures + EXCLUDED.failures, answers = h.answers + EXCLUDED.answers,
    response_ms = h.response_ms + EXCLUDED.response_ms
"""


class HourRow(msgspec.Struct):
    """What is added to a row of monitor_hour."""

    monitor_id: UUID
    hour: datetime
    up_ms: int = 0
    down_ms: int = 0
    maintenance_ms: int = 0
    checks: int = 0
    failures: int = 0
    answers: int = 0
    response_ms: float = 0.0


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


def hours_of(spells: Iterable[Spell]) -> list[HourRow]:
    """The spells added up, in one order: two that write at once then wait for each other."""
    sums: dict[tuple[UUID, datetime], HourRow] = {}
    for spell in spells:
        name = _COLUMN.get(spell.state)
        for hour, milliseconds in by_hour(spell):
            row = of_hour(sums, spell.monitor_id, hour)
            if name is not None and milliseconds:
                setattr(row, name, getattr(row, name) + milliseconds)
        last = of_hour(sums, spell.monitor_id, hour_of(spell.end))
        last.checks += spell.checks
        last.failures += spell.failures
        if spell.response_ms is not None:
            last.answers += 1
            last.response_ms += spell.response_ms
    return [row for _, row in sorted(sums.items())]


def of_hour(sums: dict[tuple[UUID, datetime], HourRow], monitor_id: UUID, hour: datetime) -> HourRow:
    row = sums.get((monitor_id, hour))
    if row is None:
        row = sums[monitor_id, hour] = HourRow(monitor_id, hour)
    return row


def add_to_hours(spells: Iterable[Spell]) -> None:
    """Add the spells up, in the caller's transaction, where nothing else is to be kept of them."""
    run(ADD, {"hours": as_json(hours_of(spells))})
