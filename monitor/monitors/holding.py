"""The rows that checks work on, locked and read: how a monitor stands, and when each region looks again."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from monitor.lib.rows import run
from monitor.monitors.states import Standing, State


class StandingRow(msgspec.Struct):
    """A row of monitor_standing without its bar."""

    monitor_id: UUID
    state: int | None
    is_degraded: bool
    in_maintenance: bool
    is_flapping: bool
    retries: int
    successes: int
    down_since: datetime | None
    since: datetime | None
    last_notified_state: int | None
    last_notified_at: datetime | None
    reminders: int
    changes: list[datetime]
    last_beat_at: datetime | None
    last_known_at: datetime | None
    message: str
    response_ms: float | None
    certificate_until: datetime | None
    # Checks to be put behind those of its bar, packed and written as PostgreSQL reads bytes.
    added: str = "\\x"


class CheckRow(msgspec.Struct):
    """A row of monitor_check."""

    id: UUID
    region: str
    is_active: bool
    next_check_at: datetime
    claim: UUID | None
    checked_at: datetime | None
    is_failing: bool | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a monitor its checks are judged by."""

    id: UUID
    organization_id: UUID
    kind: str
    parent_id: UUID | None
    interval_s: int
    timeout_s: int
    max_retries: int
    retry_interval_s: int
    recovery_successes: int
    degraded_ms: int | None
    reminder_minutes: int
    most_reminders: int
    down_regions: int
    # Whether it depends on others, and whether its organization plans maintenance at all.
    has_needs: bool
    may_be_maintained: bool


@dataclass(kw_only=True, slots=True)
class Held:
    """What one monitor's checks work on while its rows are locked."""

    terms: Terms
    row: StandingRow
    standing: Standing
    checks: list[CheckRow] = field(default_factory=list)
    packed: bytes = b""


_STANDING = [name for name in StandingRow.__struct_fields__ if name != "added"]
_CHECK = CheckRow.__struct_fields__
_TERMS = [name for name in Terms.__slots__ if name not in ("has_needs", "may_be_maintained")]
# Locked in one order, so that two that keep at once wait and never block each other.
LOCK = (
    f"SELECT {', '.join(f's.{name}' for name in _STANDING)}, {', '.join(f'c.{name}' for name in _CHECK)}"  # noqa: S608 - our own names
    " FROM monitor_standing s JOIN monitor_check c ON c.monitor_id = s.monitor_id"
    " WHERE s.monitor_id = ANY((SELECT %s)::uuid[]) ORDER BY s.monitor_id, c.region FOR UPDATE OF s, c"
)
# By a statement of its own: it sees what was committed while the locks were waited for.
TERMS = (
    f"SELECT {', '.join(f'm.{name}' for name in _TERMS)},"  # noqa: S608 - our own names
    " EXISTS (SELECT FROM monitor_depends_on d WHERE d.from_monitor_id = m.id),"
    " EXISTS (SELECT FROM maintenance x WHERE x.is_active AND x.organization_id = m.organization_id)"
    " FROM monitor m WHERE m.id = ANY((SELECT %s)::uuid[])"
)


def hold(monitor_ids: Collection[UUID]) -> dict[UUID, Held]:
    """The rows of these monitors, locked until the transaction ends; two statements."""
    rows: dict[UUID, tuple[StandingRow, list[CheckRow]]] = {}
    cut = len(_STANDING)
    for found in run(LOCK, [list(monitor_ids)]):
        place = rows.get(found[0])
        if place is None:
            place = rows[found[0]] = StandingRow(*found[:cut]), []
        place[1].append(CheckRow(*found[cut:]))
    if not rows:
        return {}
    held = {}
    for found in run(TERMS, [list(rows)]):
        row, checks = rows[found[0]]
        held[row.monitor_id] = Held(terms=Terms(*found), row=row, standing=standing_of(row), checks=checks)
    return held


def standing_of(row: StandingRow) -> Standing:
    """The row as the state machine knows it."""
    return Standing(
        state=None if row.state is None else State(row.state),
        is_degraded=row.is_degraded,
        in_maintenance=row.in_maintenance,
        retries=row.retries,
        successes=row.successes,
        down_since=row.down_since,
        last_notified_state=None if row.last_notified_state is None else State(row.last_notified_state),
        last_notified_at=row.last_notified_at,
        reminders=row.reminders,
        changes=tuple(row.changes),
        is_flapping=row.is_flapping,
    )
