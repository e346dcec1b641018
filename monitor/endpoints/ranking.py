"""Endpoints in the order of what they cost, or of any other number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from monitor.metrics import GroupBy, Question, groups_for
from monitor.metrics.last_counted import last_counted
from monitor.metrics.numbers import Numbers
from monitor.models import Endpoint, RequestLog
from monitor.models.metrics import Family
from monitor.search import Window

RANKS = (0.5, 0.95)


class Order(StrEnum):
    IMPACT = "impact"
    REQUESTS = "requests"
    ERROR_RATE = "error_rate"
    P50 = "p50"
    P95 = "p95"
    LAST_SEEN = "last_seen"
    ROUTE = "route"


@dataclass(frozen=True, kw_only=True)
class EndpointRow:
    """An endpoint with its numbers in a window. `share` is that of all requests, 0 to 1.

    `last_seen_at` is that of all time, known once `with_last_seen` has looked.
    """

    endpoint: Endpoint
    numbers: Numbers
    share: float
    impact_share: float = 0.0
    last_seen_at: datetime | None = None

    @property
    def id(self) -> UUID:
        return self.endpoint.id

    @property
    def requests(self) -> int:
        return self.numbers.requests

    @property
    def errors(self) -> int:
        return self.numbers.errors

    @property
    def error_rate(self) -> float:
        return self.numbers.error_rate

    @property
    def p50_latency_ms(self) -> float | None:
        return self.numbers.percentiles_ms[0]

    @property
    def p95_latency_ms(self) -> float | None:
        return self.numbers.percentiles_ms[1]

    @property
    def impact_ms(self) -> float:
        """Requests times p95: what a reader who makes one thing faster should look at first."""
        return self.requests * (self.p95_latency_ms or 0.0)


KEYS: Mapping[Order, Callable[[EndpointRow], Any]] = {
    Order.IMPACT: lambda row: row.impact_ms,
    Order.REQUESTS: lambda row: row.requests,
    Order.ERROR_RATE: lambda row: row.error_rate,
    Order.P50: lambda row: row.p50_latency_ms or 0.0,
    Order.P95: lambda row: row.p95_latency_ms or 0.0,
    Order.LAST_SEEN: lambda row: row.last_seen_at.timestamp() if row.last_seen_at else 0.0,
    Order.ROUTE: lambda row: (row.endpoint.route, row.endpoint.method),
}


def rank(question: Question, *, order: Order = Order.IMPACT, reverse: bool = False) -> list[EndpointRow]:
    """Every endpoint of the question's services, those without a request in the window too.

    The largest number first, routes from A; `reverse` turns that round. Raises TooMuchToCount.
    """
    rows = rows_of(question)
    if order == Order.LAST_SEEN:
        rows = with_last_seen(rows, now=question.now)
    # Twice, as sorting keeps the order of equals: routes break ties whichever way the numbers run.
    rows.sort(key=KEYS[Order.ROUTE])
    if order == Order.ROUTE:
        return rows[::-1] if reverse else rows
    return sorted(rows, key=KEYS[order], reverse=not reverse)


def rows_of(question: Question) -> list[EndpointRow]:
    standing = Endpoint.objects.standing().filter(service__in=list(question.service_ids))
    endpoints = standing.select_related("service")
    # All of them: what a limit leaves out for its few requests could be what costs the most.
    groups = groups_for(question, by=GroupBy.ENDPOINT, ranks=RANKS, limit=None).groups
    numbers = {group.value: group.numbers for group in groups}
    total = sum(each.requests for each in numbers.values())
    nothing = Numbers.nothing(RANKS)
    rows = [
        EndpointRow(endpoint=endpoint, numbers=each, share=each.requests / total if total else 0.0)
        for endpoint in endpoints
        for each in [numbers.get(str(endpoint.id), nothing)]
    ]
    impact = sum(row.impact_ms for row in rows)
    return [replace(row, impact_share=row.impact_ms / impact if impact else 0.0) for row in rows]


def with_last_seen(rows: Sequence[EndpointRow], *, now: datetime) -> list[EndpointRow]:
    """The rows with when each was called last."""
    seen = last_calls([row.endpoint for row in rows], now=now)
    return [replace(row, last_seen_at=seen.get(row.id)) for row in rows]


def last_calls(endpoints: Sequence[Endpoint], *, now: datetime) -> dict[UUID, datetime]:
    """When each was called last: by the newest log, or by numbers, which clients may have made alone."""
    ids = [endpoint.id for endpoint in endpoints]
    services = list({endpoint.service_id for endpoint in endpoints})
    seen = last_counted(Family.ENDPOINT, ids, services)
    for id_, at in newest_logs(ids, now=now).items():
        seen[id_] = max(at, seen.get(id_, at))
    return seen


def newest_logs(ids: Sequence[UUID], *, now: datetime) -> dict[UUID, datetime]:
    """A look into an index for each, which ends at the newest day that has one."""
    window = Window.of(None, None, now=now)
    newest = RequestLog.objects.within(window.since, window.until).filter(endpoint=OuterRef("pk"))
    found = Endpoint.objects.filter(id__in=ids).annotate(
        seen=Subquery(newest.newest_first().values("captured_at")[:1])
    )
    return {id_: seen for id_, seen in found.values_list("id", "seen") if seen is not None}
