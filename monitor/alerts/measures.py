"""What a rule's measure makes of a window's requests. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.lib.histogram import ZERO_BUCKET, Histogram, bucket_of
from monitor.metrics.cells import Cell
from monitor.models.alerts import AlertRule, Direction, Measure

RANKS = {Measure.P50: 0.5, Measure.P95: 0.95, Measure.P99: 0.99}
# Of no requests these are 0; of all others nothing can be said.
COUNTS = frozenset({Measure.ERROR_COUNT, Measure.REQUEST_COUNT})
# These need neither latencies nor status codes.
FROM_COUNTS = COUNTS | {Measure.ERROR_RATE}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A window of one group: its value, null where there is none, and of how many requests."""

    value: float | None
    requests: int


def measured(rule: AlertRule, cell: Cell) -> Measured:
    """The rule's measure of these requests; null of fewer than the rule wants, and of none but for counts."""
    least = max(rule.min_requests, 0 if rule.measure in COUNTS else 1)
    value = MEASURES[Measure(rule.measure)](rule, cell) if cell.requests >= least else None
    return Measured(value=value, requests=cell.requests)


def is_beyond(rule: AlertRule, value: float) -> bool:
    """Whether the value is on the wrong side of the threshold; on it is not."""
    threshold = rule.threshold or 0.0
    return value > threshold if rule.direction == Direction.ABOVE else value < threshold


def apdex(latencies: Histogram, target_ms: float) -> float | None:
    """(satisfied + tolerating / 2) / all: within the target, and within four times it. Null of no latencies.

    From latencies alone: an error that came quickly counts as quick. Source: Apdex specification 1.1.
    """
    if not latencies.count:
        return None
    satisfied = up_to(latencies, target_ms)
    return (satisfied + up_to(latencies, 4 * target_ms)) / 2 / latencies.count


def up_to(latencies: Histogram, limit_ms: float) -> int:
    """How many are not longer than this, to a bucket (1.1 %)."""
    last = bucket_of(limit_ms)
    if last == ZERO_BUCKET:
        return latencies.zeros
    return latencies.zeros + sum(count for bucket, count in latencies.counts.items() if bucket <= last)


def _percentile(rule: AlertRule, cell: Cell) -> float | None:
    return cell.latencies.percentiles([RANKS[Measure(rule.measure)]])[0]


def _slow_share(rule: AlertRule, cell: Cell) -> float | None:
    """Of the requests that tell how long they took."""
    timed = cell.latencies.count
    return 100 * (timed - up_to(cell.latencies, rule.apdex_ms)) / timed if timed else None


def _status_share(rule: AlertRule, cell: Cell) -> float | None:
    first = int(rule.status_class[0])
    count = sum(
        count for (_, status), count in cell.answers.items() if status is not None and status // 100 == first
    )
    return 100 * count / cell.requests


MEASURES: Mapping[Measure, Callable[[AlertRule, Cell], float | None]] = {
    Measure.P50: _percentile,
    Measure.P95: _percentile,
    Measure.P99: _percentile,
    Measure.ERROR_RATE: lambda rule, cell: 100 * cell.errors / cell.requests,
    Measure.ERROR_COUNT: lambda rule, cell: float(cell.errors),
    Measure.REQUEST_COUNT: lambda rule, cell: float(cell.requests),
    Measure.STATUS_SHARE: _status_share,
    Measure.SLOW_SHARE: _slow_share,
    Measure.APDEX: lambda rule, cell: apdex(cell.latencies, rule.apdex_ms),
}
