"""What rollups cannot tell of an endpoint: who calls it, and its slowest requests.

Endpoint and consumer together have nearly a row of rollups for each log, so neither is counted ahead. Both
are read from the newest calls, so many that the list is not chance and so few that the page does not wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

from monitor.endpoints.spread import latency_of_slowest
from monitor.lib.histogram import Histogram
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics import Question
from monitor.metrics.gather import lean
from monitor.models import Consumer, RequestLog
from monitor.models.logs import RequestLogQuerySet

NEWEST = 5_000
CONSUMERS = 8
SLOWEST = 10
SLOWEST_LIMIT = timedelta(milliseconds=100)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A consumer among the newest calls; None for those that named none."""

    consumer: Consumer | None
    requests: int
    errors: int
    p95_latency_ms: float | None

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests


@dataclass(frozen=True, kw_only=True)
class Callers:
    """The busiest first, of `counted` calls."""

    rows: Sequence[Caller]
    counted: int
    more: int


def in_window(question: Question) -> RequestLogQuerySet:
    return question.logs.within(question.since, question.until)


def newest_calls(question: Question) -> RequestLogQuerySet:
    """The newest calls of the window, NEWEST of them at most."""
    ids = in_window(question).newest_first().values_list("id", flat=True)
    beyond = list(ids[NEWEST : NEWEST + 1])
    calls = in_window(question)
    return calls.filter(id__gt=beyond[0]) if beyond else calls


def callers_of(question: Question) -> Callers:
    """The consumers among the newest calls of the window."""
    if question.is_empty:
        return Callers(rows=[], counted=0, more=0)
    inner, params = lean(newest_calls(question))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT consumer_id, count(*), count(*) FILTER (WHERE has_failed),"  # noqa: S608 - the ORM's words
            " percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms)"
            f" FROM ({inner}) AS logs GROUP BY 1 ORDER BY 2 DESC, 1",
            params,
        )
        rows = cursor.fetchall()
    names = Consumer.objects.in_bulk([row[0] for row in rows[:CONSUMERS] if row[0]])
    return Callers(
        rows=[
            Caller(consumer=names.get(id_), requests=requests, errors=errors, p95_latency_ms=p95)
            for id_, requests, errors, p95 in rows[:CONSUMERS]
        ],
        counted=sum(row[1] for row in rows),
        more=max(len(rows) - CONSUMERS, 0),
    )


@dataclass(frozen=True, kw_only=True)
class Slowest:
    """The slowest requests; `of_newest` when only the newest calls could be looked through in time."""

    logs: Sequence[RequestLog]
    of_newest: bool = False


def slowest_of(question: Question, latencies: Histogram) -> Slowest:
    """The slowest requests of the window that are still kept, the slowest first.

    The histogram says which latency ten of them reach, so few rows are read and sorted. Where many other
    endpoints are as slow, that is no help, and the newest calls must do.
    """
    if question.is_empty or not latencies.count:
        return Slowest(logs=[])
    least = latency_of_slowest(latencies, SLOWEST)
    try:
        with time_limit(SLOWEST_LIMIT):
            found = top_of(in_window(question).filter(latency_ms__gte=least))
    except TookTooLong:
        found = []
    if len(found) >= min(SLOWEST, latencies.count):
        return Slowest(logs=found)
    # Some logs are gone, or time is over.
    return Slowest(logs=top_of(newest_calls(question).filter(latency_ms__isnull=False)), of_newest=True)


def top_of(logs: RequestLogQuerySet) -> list[RequestLog]:
    return list(logs.order_by("-latency_ms", "-id").with_names()[:SLOWEST])
