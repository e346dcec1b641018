"""The last hour of services in numbers, for lists of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery

from monitor.metrics.measure import Percentile
from monitor.metrics.series import DateBin, starts
from monitor.models import RequestLog, Service
from monitor.models.logs import FAILED
from monitor.search import Window

HOUR = timedelta(hours=1)
BAR = timedelta(minutes=5)


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
    """The last hour of each of these services, in two queries however many they are."""
    if not services:
        return {}
    logs = RequestLog.objects.of_services(services).within(now - HOUR, now + timedelta(seconds=1)).order_by()
    counted: Any = logs.values("service_id").annotate(
        requests=Count("*"), errors=Count("id", filter=FAILED), p95_ms=Percentile("latency_ms", 0.95)
    )
    numbers: dict[UUID, dict[str, Any]] = {row.pop("service_id"): row for row in map(dict, counted)}
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
    """Adds `last_seen_at`: when the newest kept request of each happened, or None.

    A look into an index for each service, which ends at the newest day that has one.
    """
    window = Window.of(None, None, now=now)
    newest = RequestLog.objects.within(window.since, window.until).filter(service=OuterRef("pk"))
    return services.annotate(last_seen_at=Subquery(newest.newest_first().values("captured_at")[:1]))


def last_seen(service: Service, *, now: datetime) -> datetime | None:
    """The same of one service."""
    window = Window.of(None, None, now=now)
    logs = RequestLog.objects.of_services([service.id]).within(window.since, window.until)
    return logs.newest_first().values_list("captured_at", flat=True).first()
