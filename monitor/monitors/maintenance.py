"""Which monitors are in maintenance, and the plans that say so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self
from uuid import UUID

from django.db import connection, transaction

from monitor.models import Maintenance, Monitor
from monitor.monitors.windows import (
    BadPlan,
    Plan,
    Strategy,
    Window,
    check_plan,
    next_window,
    open_window,
    windows,
)

MAX_MONITORS = 1000
ALWAYS = Window(start=datetime.min.replace(tzinfo=UTC), end=None)

# A group's window is its children's, however deep; the depth guards against a ring.
COVERED = """
WITH RECURSIVE above(id, ancestor, depth) AS (
    SELECT id, id, 0 FROM monitor WHERE id = ANY(%(monitors)s)
    UNION ALL
    SELECT above.id, monitor.parent_id, depth + 1
    FROM above JOIN monitor ON monitor.id = above.ancestor
    WHERE monitor.parent_id IS NOT NULL AND depth < 16
)
SELECT DISTINCT maintenance.id, above.id
FROM above
JOIN monitor ON monitor.id = above.ancestor
JOIN maintenance ON maintenance.organization_id = monitor.organization_id
WHERE maintenance.id = ANY(%(maintenances)s)
  AND (maintenance.covers_all OR maintenance.tags && monitor.tags OR EXISTS (
    SELECT FROM maintenance_monitors
    WHERE maintenance_id = maintenance.id AND monitor_id = monitor.id))
"""


class Owned(Protocol):
    """A monitor, or what stands for one."""

    @property
    def id(self) -> UUID: ...
    @property
    def organization_id(self) -> UUID: ...


@dataclass(frozen=True, kw_only=True)
class Maintained:
    """The windows of some time, by monitor."""

    windows_of: Mapping[UUID, Sequence[Window]]

    @classmethod
    def throughout(cls, monitor_ids: Iterable[UUID]) -> Self:
        return cls(windows_of={id_: [ALWAYS] for id_ in monitor_ids})

    def holds(self, monitor_id: UUID, moment: datetime) -> bool:
        return any(window.holds(moment) for window in self.windows_of.get(monitor_id, ()))


def plan_of(maintenance: Maintenance) -> Plan:
    return Plan(
        strategy=Strategy(maintenance.strategy),
        timezone=maintenance.timezone,
        starts_at=maintenance.starts_at,
        ends_at=maintenance.ends_at,
        start_time=maintenance.start_time,
        end_time=maintenance.end_time,
        weekdays=tuple(maintenance.weekdays),
        month_days=tuple(maintenance.month_days),
        every_days=maintenance.every_days,
        expression=maintenance.expression,
        duration_minutes=maintenance.duration_minutes,
    )


def maintained_within(monitors: Iterable[Owned], *, since: datetime, until: datetime) -> Maintained:
    """The windows of these monitors that are open at some moment from `since` to `until`, both included.

    One small query where nothing is open, one more where something is.
    """
    by_id = {monitor.id: monitor for monitor in monitors}
    homes = {monitor.organization_id for monitor in by_id.values()}
    open_ones = {
        maintenance.id: found
        for maintenance in Maintenance.objects.filter(is_active=True, organization__in=homes)
        if (
            found := list(windows(plan_of(maintenance), since=since, until=until + timedelta(microseconds=1)))
        )
    }
    if not open_ones:
        return Maintained(windows_of={})
    found_of: dict[UUID, list[Window]] = {}
    for maintenance_id, monitor_id in covered(open_ones, by_id):
        found_of.setdefault(monitor_id, []).extend(open_ones[maintenance_id])
    return Maintained(windows_of=found_of)


def covered(maintenance_ids: Iterable[UUID], monitor_ids: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """Which of these maintenances cover which of these monitors: pairs of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(COVERED, {"maintenances": list(maintenance_ids), "monitors": list(monitor_ids)})
        return [(maintenance_id, monitor_id) for maintenance_id, monitor_id in cursor.fetchall()]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Where a maintenance stands: `state` is paused, open, planned or over."""

    state: str
    window: Window | None


def timing_of(maintenance: Maintenance, *, now: datetime) -> Timing:
    """Its open window, or else its next."""
    plan = plan_of(maintenance)
    if not maintenance.is_active:
        return Timing(state="paused", window=None)
    if (held := open_window(plan, now)) is not None:
        return Timing(state="open", window=held)
    ahead = next_window(plan, now)
    return Timing(state="over" if ahead is None else "planned", window=ahead)


@transaction.atomic
def save_maintenance(
    maintenance: Maintenance, fields: Mapping[str, Any], monitor_ids: Sequence[UUID] | None
) -> Maintenance:
    """Make it, or change what is named. Raises BadPlan, also for a monitor of another organization."""
    for name, value in fields.items():
        setattr(maintenance, name, value)
    check_plan(plan_of(maintenance))
    maintenance.save()
    if monitor_ids is not None:
        asked = set(monitor_ids)
        mine = Monitor.objects.filter(organization=maintenance.organization_id, id__in=asked)
        if len(mine) != len(asked):
            raise BadPlan("monitor_ids", "No such monitor in the organization.")
        maintenance.monitors.set(mine)
    return maintenance
