"""What is kept, how much room it takes, and when it goes: the storage page in numbers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from monitor.models import RequestLog, Service, StorageEvent
from monitor.models.logs import RequestLogQuerySet
from monitor.models.partitions import existing_days, start_of
from monitor.retention.disk import Disk, look_at_disk
from monitor.retention.policy import drop_date, oldest_day_of_any, today_of
from monitor.retention.sizes import size_of

# Enforced hourly; a day that is still there this long after its time is no matter of minutes any more.
GRACE = timedelta(hours=3)
SHOWN_EVENTS = 20


@dataclass(frozen=True, kw_only=True)
class ServiceStorage:
    """About what one service takes. `oldest_at` is its oldest log really present."""

    service: Service
    size_bytes: int
    oldest_at: datetime | None
    next_drop: date | None


@dataclass(frozen=True, kw_only=True)
class Storage:
    disk: Disk
    logs_bytes: int
    oldest_at: datetime | None
    next_drop: date | None
    last_check: datetime | None
    overdue: list[date]
    services: list[ServiceStorage]
    events: list[StorageEvent]


def overdue_days(*, now: datetime) -> list[date]:
    """Days that nobody keeps and that should have gone hours ago."""
    return [day for day in existing_days() if day < oldest_day_of_any(now=now - GRACE)]


def oldest_log(*, now: datetime) -> datetime | None:
    """When the oldest log happened that is really there, whatever the retention says."""
    return oldest_of(all_logs(now=now))


def all_logs(*, now: datetime) -> RequestLogQuerySet:
    days = existing_days()
    first = start_of(days[0]) if days else now
    return RequestLog.objects.within(first, now.astimezone(UTC) + timedelta(days=1))


def oldest_of(logs: RequestLogQuerySet) -> datetime | None:
    return logs.order_by("id").values_list("captured_at", flat=True).first()


def look_at_storage(service_ids: Collection[UUID], *, now: datetime) -> Storage:
    """The whole, and these services one by one, the largest first."""
    sizes = [size_of(day) for day in existing_days()]
    oldest_at = oldest_log(now=now)
    services = [
        storage_of(service, sum(size.by_service.get(service.id, 0) for size in sizes), now=now)
        for service in Service.objects.alive().with_retention().filter(id__in=service_ids)
    ]
    longest_days = (today_of(now) - oldest_day_of_any(now=now)).days
    return Storage(
        disk=look_at_disk(),
        logs_bytes=sum(size.size_bytes for size in sizes),
        oldest_at=oldest_at,
        next_drop=drop_date(sizes[0].day, longest_days=longest_days) if sizes else None,
        last_check=StorageEvent.objects.last_check(),
        overdue=overdue_days(now=now),
        services=sorted(services, key=lambda each: (-each.size_bytes, each.service.name)),
        events=list(StorageEvent.objects.told().newest_first()[:SHOWN_EVENTS]),
    )


def storage_of(service: Service, size_bytes: int, *, now: datetime) -> ServiceStorage:
    logs = all_logs(now=now).of_services([service.id])
    # Told apart, as the oldest log is often an error that outlasts the rest.
    oldest_good = oldest_of(logs.filter(error=None).exclude(status_code__gte=500))
    oldest_failed = oldest_of(logs.failed())
    drops = [
        drop_date(oldest.date(), longest_days=service.retention.days_for(failed=failed))
        for oldest, failed in ((oldest_good, False), (oldest_failed, True))
        if oldest is not None
    ]
    return ServiceStorage(
        service=service,
        size_bytes=size_bytes,
        oldest_at=min((each for each in (oldest_good, oldest_failed) if each is not None), default=None),
        next_drop=min(drops, default=None),
    )
