"""Requests in numbers, however they were counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.metrics.cells import NO_STATUS, Answers, Cell


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Counts, bytes of the bodies as sent, latencies in milliseconds; null where nothing reported one.

    `request_sized` and `response_sized` are the requests that told those sizes, which the means are of; where
    that is not known of some, these count as if all had, and `is_sized` is False.
    `percentiles_ms` stand in the order of the ranks that were asked for.
    """

    requests: int = 0
    errors: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    request_sized: int = 0
    response_sized: int = 0
    is_sized: bool = True
    mean_ms: float | None = None
    percentiles_ms: tuple[float | None, ...] = ()
    answers: Answers = field(default_factory=Counter)

    @classmethod
    def nothing(cls, ranks: Sequence[float]) -> "Numbers":
        return cls(percentiles_ms=(None,) * len(ranks))

    @classmethod
    def of_cell(cls, cell: Cell, ranks: Sequence[float]) -> "Numbers":
        mean_ms, percentiles_ms = cell.latencies.mean_and_percentiles(ranks)
        return cls(
            requests=cell.requests,
            errors=cell.errors,
            request_bytes=cell.request_bytes,
            response_bytes=cell.response_bytes,
            request_sized=cell.request_sized,
            response_sized=cell.response_sized,
            is_sized=cell.is_sized,
            mean_ms=mean_ms,
            percentiles_ms=tuple(percentiles_ms),
            answers=cell.answers,
        )

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def mean_request_bytes(self) -> float | None:
        """Of those that told it; too low where `is_sized` is False."""
        return self.request_bytes / self.request_sized if self.request_sized else None

    @property
    def mean_response_bytes(self) -> float | None:
        return self.response_bytes / self.response_sized if self.response_sized else None

    @property
    def by_method(self) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for (method, _), count in self.answers.items():
            counted[method] += count
        return dict(sorted(counted.items()))

    @property
    def by_status(self) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for (_, status_code), count in self.answers.items():
            counted[NO_STATUS if status_code is None else str(status_code)] += count
        return dict(sorted(counted.items()))
