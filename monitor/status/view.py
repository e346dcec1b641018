"""What a status page says, read in a fixed number of queries: names, states, days, incidents.

No address, no message and no id of a monitor goes in here, so none can come out by any face.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db.models import F, Prefetch, QuerySet, Sum
from django.db.models.functions import TruncDate

from monitor.models import Maintenance, MonitorHour, StatusIncident, StatusPage, StatusUpdate
from monitor.monitors.maintenance import covered, timing_of
from monitor.monitors.windows import Window
from monitor.monitors.words import state_of

# Of the past, on the page itself; feeds hold as many.
INCIDENT_DAYS = 15
# As many as Statuspage gives its clients.
MOST_INCIDENTS = 50
ANNOUNCED_AHEAD = timedelta(days=14)
# A day with this much of its known time down is all down; with any, partly.
ALL_DOWN = 0.5


class Level(StrEnum):
    """How a part or the whole stands, in the words of Atlassian Statuspage, and one of ours: unknown."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded_performance"
    PARTIAL = "partial_outage"
    DOWN = "major_outage"
    MAINTENANCE = "under_maintenance"
    UNKNOWN = "unknown"


WORDS = {
    Level.OPERATIONAL: "Operational",
    Level.DEGRADED: "Slow",
    Level.PARTIAL: "Partly down",
    Level.DOWN: "Down",
    Level.MAINTENANCE: "Maintenance",
    Level.UNKNOWN: "No data",
}
OVERALL_WORDS = {
    Level.OPERATIONAL: "All systems operational",
    Level.DEGRADED: "Some systems are slow",
    Level.PARTIAL: "Partial outage",
    Level.DOWN: "Major outage",
    Level.MAINTENANCE: "Under maintenance",
    Level.UNKNOWN: "No data",
}
_LEVELS = {
    "up": Level.OPERATIONAL,
    # A failure that may mend is told to nobody before its retries are used up.
    "pending": Level.OPERATIONAL,
    "slow": Level.DEGRADED,
    "down": Level.DOWN,
    "maintenance": Level.MAINTENANCE,
}


@dataclass(frozen=True, kw_only=True)
class Day:
    """One bar: `uptime` is up / (up + down), None for a day nobody looked."""

    date: date
    uptime: float | None
    maintenance_ms: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """A monitor as readers know it. `id` is that of its place on the page."""

    id: UUID
    name: str
    level: Level
    since: datetime
    uptime: float | None
    days: Sequence[Day]


@dataclass(frozen=True, kw_only=True)
class Group:
    name: str
    parts: Sequence[Part]


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """Maintenance that is on or near."""

    id: UUID
    title: str
    description: str
    is_open: bool
    window: Window
    created_at: datetime
    updated_at: datetime
    part_ids: Sequence[UUID]


@dataclass(frozen=True, kw_only=True)
class Public:
    """All that a page says at a moment."""

    page: StatusPage
    at: datetime
    level: Level
    groups: Sequence[Group]
    # Open ones and the newest of the others, by when they began, newest first.
    incidents: Sequence[StatusIncident]
    announcements: Sequence[Announcement]

    @property
    def open_incidents(self) -> list[StatusIncident]:
        return [each for each in self.incidents if each.resolved_at is None]

    @property
    def past_incidents(self) -> list[StatusIncident]:
        """Those of the last days."""
        since = self.at - timedelta(days=INCIDENT_DAYS)
        return [each for each in self.incidents if each.resolved_at is not None and each.resolved_at >= since]

    @property
    def parts(self) -> list[Part]:
        return [part for group in self.groups for part in group.parts]


def public_view(page: StatusPage, *, now: datetime) -> Public:
    entries = list(
        page.entries.select_related("monitor", "monitor__standing")
        .defer("monitor__config", "monitor__sealed", "monitor__standing__recent")
        .order_by("position", "id")
    )
    days = days_of([entry.monitor_id for entry in entries], count=page.days, now=now)
    groups: dict[str, list[Part]] = {}
    for entry in entries:
        mine = days[entry.monitor_id]
        monitor = entry.monitor
        groups.setdefault(entry.group, []).append(
            Part(
                id=entry.id,
                name=entry.name or monitor.name,
                level=_LEVELS.get(state_of(monitor, now=now), Level.UNKNOWN),
                since=monitor.standing.since or monitor.created_at,
                uptime=mine.uptime if page.shows_uptime else None,
                days=mine.days,
            )
        )
    made = [Group(name=name, parts=parts) for name, parts in groups.items()]
    return Public(
        page=page,
        at=now,
        level=overall([part.level for group in made for part in group.parts]),
        groups=made,
        incidents=incidents_of(page),
        announcements=announcements_of(page, {entry.monitor_id: entry.id for entry in entries}, now=now),
    )


def overall(levels: Sequence[Level]) -> Level:
    """The whole's level. An outage outranks maintenance: it is what readers came for."""
    known = [level for level in levels if level != Level.UNKNOWN]
    if not known:
        return Level.UNKNOWN
    down = known.count(Level.DOWN)
    if down:
        return Level.DOWN if down * 2 >= len(known) else Level.PARTIAL
    if Level.MAINTENANCE in known:
        return Level.MAINTENANCE
    return Level.DEGRADED if Level.DEGRADED in known else Level.OPERATIONAL


# --- Days --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Days:
    days: Sequence[Day]
    uptime: float | None


def days_of(monitor_ids: Sequence[UUID], *, count: int, now: datetime) -> Mapping[UUID, Days]:
    """The last `count` days in UTC, today's part included, oldest first; one query for all."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=count - 1)
    rows = (
        MonitorHour.objects.filter(
            monitor_id__in=monitor_ids,
            hour__gte=datetime(first.year, first.month, first.day, tzinfo=UTC),
            hour__lte=now,
        )
        .annotate(day=TruncDate("hour", tzinfo=UTC))
        .values("monitor_id", "day")
        .annotate(up=Sum("up_ms"), down=Sum("down_ms"), kept=Sum("maintenance_ms"))
        .order_by()
    )
    sums: dict[UUID, dict[date, tuple[int, int, int]]] = {}
    for row in rows:
        sums.setdefault(row["monitor_id"], {})[row["day"]] = (row["up"], row["down"], row["kept"])
    dates = [first + timedelta(days=number) for number in range(count)]
    return {id_: _days(sums.get(id_, {}), dates) for id_ in monitor_ids}


def _days(sums: Mapping[date, tuple[int, int, int]], dates: Sequence[date]) -> Days:
    days, up_ms, down_ms = [], 0, 0
    for each in dates:
        up, down, kept = sums.get(each, (0, 0, 0))
        up_ms, down_ms = up_ms + up, down_ms + down
        days.append(Day(date=each, uptime=_share(up, down), maintenance_ms=kept))
    return Days(days=days, uptime=_share(up_ms, down_ms))


def _share(up_ms: int, down_ms: int) -> float | None:
    known = up_ms + down_ms
    return up_ms / known if known else None


# --- What people say ---------------------------------------------------------------------------------------


def incidents_of(page: StatusPage) -> list[StatusIncident]:
    """Those that are open, and of the others the newest; newest first, updates newest first."""
    found = with_updates(page.incidents.all()).order_by(
        F("resolved_at").desc(nulls_first=True), "-started_at", "-id"
    )
    return sorted(found[:MOST_INCIDENTS], key=lambda each: (each.started_at, each.id), reverse=True)


def with_updates(incidents: QuerySet[StatusIncident]) -> QuerySet[StatusIncident]:
    newest_first = StatusUpdate.objects.order_by("-created_at", "-id")
    return incidents.prefetch_related(Prefetch("updates", newest_first))


def announcements_of(page: StatusPage, parts: Mapping[UUID, UUID], *, now: datetime) -> list[Announcement]:
    """Maintenance of what the page shows: open, or to begin within two weeks."""
    near = {}
    for maintenance in Maintenance.objects.filter(organization=page.organization_id, is_active=True):
        timing = timing_of(maintenance, now=now)
        window = timing.window
        if window is not None and window.start <= now + ANNOUNCED_AHEAD:
            near[maintenance.id] = (maintenance, timing.state == "open", window)
    if not near or not parts:
        return []
    touched: dict[UUID, list[UUID]] = {}
    for maintenance_id, monitor_id in covered(near, parts):
        touched.setdefault(maintenance_id, []).append(parts[monitor_id])
    found = [
        Announcement(
            id=id_,
            title=maintenance.title,
            description=maintenance.description,
            is_open=is_open,
            window=window if window.start.year > 1 else Window(start=maintenance.updated_at, end=window.end),
            created_at=maintenance.created_at,
            updated_at=maintenance.updated_at,
            part_ids=sorted(touched[id_]),
        )
        for id_, (maintenance, is_open, window) in near.items()
        if id_ in touched
    ]
    return sorted(found, key=lambda each: (each.window.start, each.id))
