"""One window in numbers."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from django.db.models import Aggregate, Avg, Count, F, FloatField, QuerySet, Sum
from django.db.models.functions import Coalesce

from monitor.models import RequestLog
from monitor.models.logs import FAILED

NO_STATUS = "none"


class Percentile(Aggregate):
    """PostgreSQL's percentile_cont: interpolates between neighbours, null over nothing."""

    function = "percentile_cont"
    template = "%(function)s(%(rank)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()

    def __init__(self, expression: str, rank: float) -> None:
        super().__init__(F(expression), rank=rank)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Counts, and latencies in milliseconds; null where nothing reported one."""

    total_requests: int = 0
    error_count: int = 0
    error_rate: float = 0.0
    avg_latency_ms: float | None = None
    p50_latency_ms: float | None = None
    p95_latency_ms: float | None = None
    p99_latency_ms: float | None = None
    # Of the bodies as sent, and how many requests told theirs: the averages are of these. Where of some
    # numbers that is not known, all count as if they had, and `is_sized` is False.
    request_bytes: int = 0
    response_bytes: int = 0
    avg_request_bytes: float | None = None
    avg_response_bytes: float | None = None
    request_sized: int = 0
    response_sized: int = 0
    is_sized: bool = True
    by_method: dict[str, int] = field(default_factory=dict)
    by_status: dict[str, int] = field(default_factory=dict)
    # Where the percentiles come from: the logs themselves, or histograms that are true to 0.54 %.
    p95_method: Literal["exact", "histogram"] = "exact"
    # Who counted; "both" when different services, environments or days were counted by different ones.
    source: Literal["logs", "client", "both"] = "logs"


def measure(logs: QuerySet[RequestLog]) -> Measurement:
    """The logs of a queryset in numbers, exact. An error is error text, or a status of 500 and above."""
    totals = logs.order_by().aggregate(
        total=Count("*"),
        errors=Count("id", filter=FAILED),
        sent=Coalesce(Sum("request_bytes"), 0),
        answered=Coalesce(Sum("response_bytes"), 0),
        sent_told=Count("request_bytes"),
        answered_told=Count("response_bytes"),
        average=Avg("latency_ms"),
        p50=Percentile("latency_ms", 0.5),
        p95=Percentile("latency_ms", 0.95),
        p99=Percentile("latency_ms", 0.99),
    )
    by_method: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    groups = logs.order_by().values_list("method", "status_code").annotate(count=Count("*"))
    for method, status_code, count in groups:
        by_method[method] += count
        by_status[NO_STATUS if status_code is None else str(status_code)] += count
    return Measurement(
        total_requests=totals["total"],
        error_count=totals["errors"],
        error_rate=totals["errors"] / totals["total"] if totals["total"] else 0.0,
        avg_latency_ms=totals["average"],
        p50_latency_ms=totals["p50"],
        p95_latency_ms=totals["p95"],
        p99_latency_ms=totals["p99"],
        request_bytes=totals["sent"],
        response_bytes=totals["answered"],
        avg_request_bytes=totals["sent"] / totals["sent_told"] if totals["sent_told"] else None,
        avg_response_bytes=totals["answered"] / totals["answered_told"] if totals["answered_told"] else None,
        request_sized=totals["sent_told"],
        response_sized=totals["answered_told"],
        by_method=dict(sorted(by_method.items())),
        by_status=dict(sorted(by_status.items())),
    )
