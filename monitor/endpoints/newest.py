"""Who calls an endpoint, and its slowest requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from monitor.endpoints.spread import latency_of_slowest
from monitor.lib.histogram import Histogram
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics import Question
from monitor.metrics.newest import Part, newest_requests, parts_of_newest
from monitor.models import Consumer, RequestLog
from monitor.models.logs import RequestLogQuerySet

CONSUMERS = 8
SLOWEST = 10
SLOWEST_LIMIT = timedelta(milliseconds=100)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A consumer among the newest calls; None for those that named none."""

    consumer: Consumer | None
    part: Part


@dataclass(frozen=True, kw_only=True)
class Callers:
    """The busiest first, of `counted` calls."""

    rows: Sequence[Caller]
    counted: int
    more: int


def callers_of(question: Question) -> Callers:
    """The consumers among the newest calls of the window."""
    parts = parts_of_newest(question, "consumer_id")
    shown = parts[:CONSUMERS]
    names = Consumer.objects.in_bulk([part.id for part in shown if part.id])
    return Callers(
        rows=[Caller(consumer=names.get(part.id) if part.id else None, part=part) for part in shown],
        counted=sum(part.requests for part in parts),
        more=len(parts) - len(shown),
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
    logs = question.logs.within(question.since, question.until)
    try:
        with time_limit(SLOWEST_LIMIT):
            found = top_of(logs.filter(latency_ms__gte=least))
    except TookTooLong:
        found = []
    if len(found) >= min(SLOWEST, latencies.count):
        return Slowest(logs=found)
    # Some logs are gone, or time is over.
    return Slowest(logs=top_of(newest_requests(question).filter(latency_ms__isnull=False)), of_newest=True)


def top_of(logs: RequestLogQuerySet) -> list[RequestLog]:
    return list(logs.order_by("-latency_ms", "-id").with_names()[:SLOWEST])
