"""What rollups cannot tell: an endpoint and a consumer together.

The two have nearly a row of rollups for each log, so they are not counted ahead. They are read from the
newest requests, so many that the answer is not chance and so few that nobody waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db import connection

from monitor.metrics.gather import lean
from monitor.metrics.question import Question
from monitor.models.logs import RequestLogQuerySet

NEWEST = 5_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """The requests of one endpoint or consumer among the newest; `id` is None where none was named."""

    id: UUID | None
    requests: int
    errors: int
    p95_latency_ms: float | None

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests


def newest_requests(question: Question) -> RequestLogQuerySet:
    """The newest requests of the window, NEWEST of them at most."""
    logs = question.logs.within(question.since, question.until)
    beyond = list(logs.newest_first().values_list("id", flat=True)[NEWEST : NEWEST + 1])
    return logs.filter(id__gt=beyond[0]) if beyond else logs


def parts_of_newest(question: Question, by: Literal["endpoint_id", "consumer_id"]) -> Sequence[Part]:
    """The newest requests in parts, the busiest first; percentiles are exact."""
    if question.is_empty:
        return []
    inner, params = lean(newest_requests(question))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {by}, count(*), count(*) FILTER (WHERE has_failed),"  # noqa: S608 - our own words
            " percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms)"
            f" FROM ({inner}) AS logs GROUP BY 1 ORDER BY 2 DESC, 1",
            params,
        )
        return [
            Part(id=id_, requests=requests, errors=errors, p95_latency_ms=p95)
            for id_, requests, errors, p95 in cursor.fetchall()
        ]
