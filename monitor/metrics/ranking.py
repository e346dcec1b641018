"""Rows in the order of a number: what the rankings of endpoints and of consumers share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import OuterRef, Subquery

from monitor.metrics.last_counted import last_counted
from monitor.metrics.numbers import Numbers
from monitor.models import Consumer, Endpoint
from monitor.models.logs import RequestLogQuerySet
from monitor.models.metrics import Family
from monitor.search import Window


@dataclass(frozen=True, kw_only=True)
class RankedRow:
    """Somebody's or something's numbers in a window. `share` is that of all requests with one, 0 to 1.

    `last_seen_at` is that of all time, once somebody has looked.
    """

    id: UUID
    numbers: Numbers
    share: float
    last_seen_at: datetime | None = None

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
    def request_bytes(self) -> int:
        return self.numbers.request_bytes

    @property
    def response_bytes(self) -> int:
        return self.numbers.response_bytes


Row = TypeVar("Row", bound=RankedRow)


class Shares:
    """Numbers by whose they are, and which part of all requests each has; without those of nobody (`""`)."""

    def __init__(self, counted: Mapping[str, Numbers], *, ranks: Sequence[float]) -> None:
        self._counted = counted
        self._nothing = Numbers.nothing(ranks)
        self._total = sum(numbers.requests for subject, numbers in counted.items() if subject)

    def of(self, id_: UUID) -> tuple[Numbers, float]:
        numbers = self._counted.get(str(id_), self._nothing)
        return numbers, numbers.requests / self._total if self._total else 0.0


def in_order(
    rows: Sequence[Row],
    key: Callable[[Row], Any],
    *,
    ties: Callable[[Row], Any],
    reverse: bool = False,
) -> list[Row]:
    """The largest first, or with `reverse` the smallest; of equals, the one whose `ties` is smaller."""
    # Twice, as sorting keeps the order of equals, whichever way the numbers run.
    return sorted(sorted(rows, key=ties), key=key, reverse=not reverse)


def last_seen(
    family: Family, ids: Sequence[UUID], services: Sequence[UUID], logs: RequestLogQuerySet, *, now: datetime
) -> dict[UUID, datetime]:
    """When each was seen last: by the newest of these logs, or by numbers, which clients may have made alone.

    A look into an index for each, which ends at the newest day that has one.
    """
    window = Window.of(None, None, now=now)
    kept = logs.within(window.since, window.until).filter(**{family.value: OuterRef("pk")})
    newest = Subquery(kept.newest_first().values("captured_at")[:1])
    model = {Family.ENDPOINT: Endpoint, Family.CONSUMER: Consumer}[family]
    found = model._default_manager.filter(id__in=ids).annotate(seen=newest)
    seen = last_counted(family, ids, services)
    for id_, at in found.values_list("id", "seen"):
        if at is not None:
            seen[id_] = max(at, seen.get(id_, at))
    return seen
