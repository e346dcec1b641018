"""The last hour in numbers, for the admin's front page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.safestring import SafeString

from monitor import charts
from monitor.admin.limits import TookTooLong, time_limit
from monitor.metrics import Bucket, Measurement, TooMuchToCount, ask, measure_for, series_for
from monitor.models import RequestLog, Service
from monitor.search import LogFilter
from monitor.services.hour import last_hour_of

WINDOW = timedelta(hours=1)
STEP = timedelta(minutes=1)
# For each statement.
LIMIT = timedelta(seconds=2)
BUSIEST = 10
NEWEST_ERRORS = 8


@dataclass(frozen=True, kw_only=True)
class ServiceHour:
    """One service's hour. `p95_latency_ms` is None where no latency was reported."""

    service: Service
    requests: int
    errors: int
    p95_latency_ms: float | None

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The hour before `until`: all services as one, the busiest alone, and what failed last.

    `silent_services` counts those that sent nothing, `other_services` those with traffic that the list
    has no room for.
    """

    since: datetime
    until: datetime
    totals: Measurement
    minutes: list[Bucket]
    services: list[ServiceHour]
    other_services: int
    silent_services: int
    newest_errors: list[RequestLog]

    @property
    def chart(self) -> SafeString:
        """Requests by status class, minute by minute."""
        axis = charts.TimeAxis(start=self.minutes[0].start, end=self.until, step=STEP, now=self.until)
        counts = {
            name: [minute.by_class.get(name, 0) for minute in self.minutes]
            for name in ("2xx", "3xx", "4xx", "5xx")
        }
        counts["other"] = [
            minute.total - sum(row[index] for row in counts.values())
            for index, minute in enumerate(self.minutes)
        ]
        if not any(counts["other"]):
            del counts["other"]
        return charts.stacked_bars(
            axis, charts.status_series(counts), chart_id="last-hour", title="Requests a minute"
        )

    @property
    def has_services(self) -> bool:
        return bool(self.services or self.silent_services)


@contextmanager
def counting() -> Iterator[None]:
    """What the numbers cannot tell in time, in the words of this page."""
    try:
        yield
    except TooMuchToCount as error:
        raise TookTooLong from error


def last_hour(*, now: datetime) -> Overview:
    """What every service that is not deleted reported within the last hour. Raises TookTooLong."""
    until = now.astimezone(UTC)
    since = until - WINDOW
    alive = {service.id: service for service in Service.objects.alive().select_related("organization")}
    logs = RequestLog.objects.of_services(alive).within(since, until)
    asked = LogFilter({"since": since.isoformat(), "until": until.isoformat()}, queryset=logs)
    asked.is_valid()
    question = ask(service_ids=alive, asked=asked, now=until)
    with time_limit(LIMIT), counting():
        totals, _ = measure_for(question)
        minutes = series_for(question, step=STEP).buckets if totals.total_requests else []
        hours = last_hour_of(list(alive), now=until)
        newest_errors = list(logs.failed().newest_first().with_names()[:NEWEST_ERRORS])
    rows = [(alive[id_], hour) for id_, hour in hours.items() if hour.requests]
    rows.sort(key=lambda row: (-row[1].errors, -row[1].requests))
    return Overview(
        since=since,
        until=until,
        totals=totals,
        minutes=list(minutes),
        services=[
            ServiceHour(
                service=service, requests=hour.requests, errors=hour.errors, p95_latency_ms=hour.p95_ms
            )
            for service, hour in rows[:BUSIEST]
        ],
        other_services=max(len(rows) - BUSIEST, 0),
        silent_services=len(alive) - len(rows),
        newest_errors=newest_errors,
    )
