"""Endpoints in the order of what they cost, or of any other number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from monitor.metrics import GroupBy, Question, groups_for
from monitor.metrics.ranking import RankedRow, Shares, in_order, last_seen
from monitor.models import Endpoint, RequestLog
from monitor.models.metrics import Family

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
class EndpointRow(RankedRow):
    """An endpoint with its numbers in a window; when it was seen last is known by `with_last_seen`."""

    endpoint: Endpoint
    impact_share: float = 0.0

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
    route = KEYS[Order.ROUTE]
    if order == Order.ROUTE:
        return sorted(rows, key=route, reverse=reverse)
    return in_order(rows, KEYS[order], ties=route, reverse=reverse)


def rows_of(question: Question) -> list[EndpointRow]:
    standing = Endpoint.objects.standing().filter(service__in=list(question.service_ids))
    endpoints = standing.select_related("service")
    # All of them: what a limit leaves out for its few requests could be what costs the most.
    groups = groups_for(question, by=GroupBy.ENDPOINT, ranks=RANKS, limit=None).groups
    shares = Shares({group.value: group.numbers for group in groups}, ranks=RANKS)
    rows = [
        EndpointRow(id=endpoint.id, endpoint=endpoint, numbers=numbers, share=share)
        for endpoint in endpoints
        for numbers, share in [shares.of(endpoint.id)]
    ]
    impact = sum(row.impact_ms for row in rows)
    return [replace(row, impact_share=row.impact_ms / impact if impact else 0.0) for row in rows]


def with_last_seen(rows: Sequence[EndpointRow], *, now: datetime) -> list[EndpointRow]:
    """The rows with when each was called last."""
    seen = last_calls([row.endpoint for row in rows], now=now)
    return [replace(row, last_seen_at=seen.get(row.id)) for row in rows]


def last_calls(endpoints: Sequence[Endpoint], *, now: datetime) -> dict[UUID, datetime]:
    """When each was called last: by the newest log, or by numbers, which clients may have made alone."""
    services = list({endpoint.service_id for endpoint in endpoints})
    ids = [endpoint.id for endpoint in endpoints]
    return last_seen(Family.ENDPOINT, ids, services, RequestLog.objects.all(), now=now)
