"""The last hour of services in numbers, for lists of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Greatest

from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics.by_service import cells_of_services
from monitor.metrics.cells import Cell
from monitor.metrics.counted import counted_days
from monitor.metrics.measure import Percentile
from monitor.metrics.series import DateBin, starts
from monitor.metrics.tiles import floor
from monitor.models import Instance, RequestLog, Service
from monitor.models.logs import FAILED
from monitor.search import Window

HOUR = timedelta(hours=1)
BAR = timedelta(minutes=5)
# Up to so many logs of the hour are counted one by one, about 5 us each.
COUNTED = 20_000
LIMIT = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class LastHour:
    """Counts, the latency in ms, and requests by five minutes, oldest first."""

    requests: int = 0
    errors: int = 0
    p95_ms: float | None = None
    bars: list[int] = field(default_factory=list)

    @property
    def error_percent(self) -> float:
        return 100 * self.errors / self.requests if self.requests else 0.0


def last_hour_of(services: Sequence[UUID], *, now: datetime) -> dict[UUID, LastHour]:
    """The last hour of each of these services, in at most four queries however many they are.

    Few logs are counted one by one. Many (230,000 took 1.1 s), and what clients counted, are told by rollups:
    then the hour begins with its whole minute, and the 95th percentile is true to 0.54 %.
    """
    if not services:
        return {}
    since = floor(now - HOUR, timedelta(minutes=1))
    until = floor(now, timedelta(minutes=1)) + timedelta(minutes=1)
    by_clients = counted_days(services, since, until)
    cells = cells_of_services(services, since=since, until=until, step=BAR, counted=by_clients)
    if by_clients or sum(cell.requests for steps in cells.values() for cell in steps.values()) > COUNTED:
        bins = list(starts(since, until, BAR))
        return {service: told(cells.get(service, {}), bins) for service in services}
    try:
        with time_limit(LIMIT):
            return counted(services, now=now)
    except TookTooLong:
        bins = list(starts(since, until, BAR))
        return {service: told(cells.get(service, {}), bins) for service in services}


def told(steps: Mapping[datetime, Cell], bins: Sequence[datetime]) -> LastHour:
    """The hour as rollups have it."""
    whole = Cell()
    for cell in steps.values():
        whole.merge(cell)
    return LastHour(
        requests=whole.requests,
        errors=whole.errors,
        p95_ms=whole.latencies.percentiles([0.95])[0],
        bars=[steps[start].requests if start in steps else 0 for start in bins],
    )


def counted(services: Sequence[UUID], *, now: datetime) -> dict[UUID, LastHour]:
    """The hour as the logs themselves have it."""
    logs = RequestLog.objects.of_services(services).within(now - HOUR, now + timedelta(seconds=1)).order_by()
    by_service: Any = logs.values("service_id").annotate(
        requests=Count("*"), errors=Count("id", filter=FAILED), p95_ms=Percentile("latency_ms", 0.95)
    )
    numbers: dict[UUID, dict[str, Any]] = {row.pop("service_id"): row for row in map(dict, by_service)}
    bins = list(starts(now - HOUR, now, BAR))
    by_bin = logs.values("service_id").annotate(start=DateBin(BAR, "captured_at"), requests=Count("*"))
    heights = {(row["service_id"], row["start"]): row["requests"] for row in by_bin}
    return {
        service: LastHour(
            **numbers.get(service, {}), bars=[heights.get((service, start), 0) for start in bins]
        )
        for service in services
    }


def with_last_seen(services: QuerySet[Service], *, now: datetime) -> QuerySet[Service]:
    """Adds `last_seen_at`: when the newest kept request of each happened, or a process of it was heard of, if
    that was later; or None.

    A look into an index for each service, which ends at the newest day that has one.
    """
    window = Window.of(None, None, now=now)
    newest = RequestLog.objects.within(window.since, window.until).filter(service=OuterRef("pk"))
    heard = Instance.objects.filter(service=OuterRef("pk")).order_by("-last_seen_at")
    return services.annotate(
        last_seen_at=Greatest(
            Subquery(newest.newest_first().values("captured_at")[:1]),
            Subquery(heard.values("last_seen_at")[:1]),
        )
    )


def last_seen(service: Service, *, now: datetime) -> datetime | None:
    """The same of one service."""
    found = with_last_seen(Service.objects.filter(id=service.id), now=now).first()
    return getattr(found, "last_seen_at", None)
