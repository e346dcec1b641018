"""Counts that clients made themselves, in place of a log for each request or beside them.

A client that reports both tells of the same requests twice. So each UTC day of a service's environment has
one source: the client's counts where it sent any, else the logs. They are never added up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection

from monitor.metrics import facts
from monitor.metrics.tiles import EPOCH
from monitor.models import CountedDay
from monitor.models.metrics import Source

MINUTES_A_DAY = 24 * 60
MAX_REMEMBERED_DAYS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """Requests that a client added up: of one endpoint, status and consumer, in one minute.

    `latency_ms` is the sum over `buckets`, which are those of monitor.lib.histogram. `request_sized` and
    `response_sized` say of how many the bytes are, None where the client does not.
    """

    organization_id: UUID
    service_id: UUID
    environment: str
    mode: str
    method: str
    route: str
    consumer_identifier: str
    status_code: int | None
    captured_at: datetime
    requests: int
    request_bytes: int = 0
    response_bytes: int = 0
    request_sized: int | None = None
    response_sized: int | None = None
    latency_ms: float = 0.0
    buckets: Mapping[int, int] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.status_code is not None and self.status_code >= 500


class Place(NamedTuple):
    """Where numbers have one source for a day."""

    service_id: UUID
    environment: str
    mode: str
    day: date


class Speakers:
    """Who speaks for each day, the client or the logs, given the days that clients have counted."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = places
        # As facts spell them; days count from the epoch.
        self._days = {
            (place.service_id.bytes, place.environment, place.mode, (place.day - EPOCH.date()).days)
            for place in places
        }

    def of(self, fact: facts.Fact) -> str:
        """The source whose numbers count at the time of a fact."""
        day = (fact.service, fact.environment, fact.mode, fact.minute // MINUTES_A_DAY)
        return Source.CLIENT if day in self._days else Source.LOGS

    def condition(self) -> tuple[str, list[Any]]:
        """The condition on rows of metric_rollup that leaves one source for each day, and its parameters."""
        if not self.places:
            return "source = 'logs'", []
        return (
            "source = CASE WHEN (service_id, environment, mode, (start AT TIME ZONE 'UTC')::date) IN"
            " (SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::date[]))"
            " THEN 'client' ELSE 'logs' END",
            [list(column) for column in zip(*self.places, strict=True)],
        )


_noted: set[Place] = set()


def forget_counted_days() -> None:
    """Empty this process's knowledge of days that are noted."""
    _noted.clear()


def note_counted(counted: Sequence[Counted], names: facts.Names) -> None:
    """Write down what clients counted, in the caller's transaction."""
    if not counted:
        return
    packed = facts.pack_counted(counted, names)
    services = list({each.service_id for each in counted})
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute("INSERT INTO metric_delta (services, packed) VALUES (%b, %b)", [services, packed])


def note_days(places: set[Place]) -> None:
    """Have the numbers of these days be the clients'. Outside of any transaction that may be rolled back."""
    missing = sorted(places - _noted)
    if not missing:
        return
    # On the database's side a repeat costs nothing, and other processes know of it by themselves.
    CountedDay.objects.bulk_create(
        [CountedDay(**place._asdict()) for place in missing], ignore_conflicts=True
    )
    if len(_noted) > MAX_REMEMBERED_DAYS:
        _noted.clear()
    _noted.update(missing)


def counted_days(services: Sequence[UUID], since: datetime, until: datetime) -> list[Place]:
    """The days in a window whose numbers are the clients'."""
    days = CountedDay.objects.filter(service__in=services, day__gte=since.date(), day__lte=until.date())
    return [Place(*row) for row in days.values_list("service_id", "environment", "mode", "day")]
