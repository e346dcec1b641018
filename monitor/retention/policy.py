"""What is past its retention on a given day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from monitor.models import Service

# Never NULL, so that NOT takes exactly the rest. The arguments are those of Expiry.
EXPIRED = (
    "(service_id = ANY(%(gone)s::uuid[])"
    " OR (service_id = ANY(%(failures_stay)s::uuid[])"
    " AND error IS NULL AND coalesce(status_code, 0) < 500))"
)


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """The services of which a day's logs have expired: all of them, or all but those that failed."""

    day: date
    gone: frozenset[UUID] = frozenset()
    failures_stay: frozenset[UUID] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.gone or self.failures_stay)

    def __le__(self, other: "Expiry") -> bool:
        """Whether all that expires here expires there too."""
        return self.gone <= other.gone and self.failures_stay <= other.failures_stay | other.gone

    @property
    def arguments(self) -> dict[str, Any]:
        """Of EXPIRED."""
        return {"gone": list(self.gone), "failures_stay": list(self.failures_stay)}


def today_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def expiry_of(day: date, services: Iterable[Service], *, now: datetime) -> Expiry:
    """Logs of services that are no more go with the day, or with the task that removes their service."""
    today = today_of(now)
    gone, failures_stay = set(), set()
    for service in services:
        if day < service.retention.oldest_day(today, failed=True):
            gone.add(service.id)
        elif day < service.retention.oldest_day(today, failed=False):
            failures_stay.add(service.id)
    return Expiry(day=day, gone=frozenset(gone), failures_stay=frozenset(failures_stay))


def locked_expiry(expiry: Expiry, *, now: datetime) -> Expiry:
    """The same as it is now, and stays until the transaction ends.

    Whoever makes a retention longer waits for us; the logs that this lets in come after what we remove.
    """
    concerned = Service.objects.alive().filter(id__in=expiry.gone | expiry.failures_stay).order_by("id")
    held = concerned.with_retention().select_for_update(of=("self", "organization"), no_key=True)
    return expiry_of(expiry.day, held, now=now)


def oldest_day_of_any(*, now: datetime) -> date:
    """The oldest day that some service keeps. Without services: by the default, for the first to come."""
    longest = max(
        (service.retention.error_days for service in Service.objects.alive().with_retention()),
        default=settings.RETENTION_DAYS,
    )
    return today_of(now) - timedelta(days=longest)


def drop_date(day: date, *, longest_days: int) -> date:
    """When a day is dropped: as soon as it is no longer one of the whole days kept beside today."""
    return day + timedelta(days=longest_days + 1)
