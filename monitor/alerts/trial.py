"""What a back-test is made of: how a rule would have stood from step to step, and when it would have fired.
Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from monitor.alerts.kinds import Judgement
from monitor.metrics.cells import Cell
from monitor.metrics.tiles import floor
from monitor.models import AlertRule
from monitor.models.alert_groups import GroupState
from monitor.models.alerts import OF_NOTHING, Direction

NOTHING = Cell()


@dataclass(frozen=True, kw_only=True)
class Point:
    at: datetime
    judgement: Judgement
    state: GroupState


@dataclass(frozen=True, kw_only=True)
class Firing:
    """From when until when (null: still) a group would have fired, and its worst value."""

    group: str
    start: datetime
    end: datetime | None
    value: float | None


@dataclass(frozen=True, kw_only=True)
class BackTest:
    """What a rule would have made of the days from `since` to `until`, judged every `step`."""

    since: datetime
    until: datetime
    step: timedelta
    firings: Sequence[Firing]
    points: Mapping[str, Sequence[Point]]
    # Groups that were left out, and whether the days had to be fewer.
    more: int = 0
    is_shortened: bool = False


class Rolling:
    """The cell of a window that moves along. Adding it up anew at each step would cost as many times as it
    has steps."""

    def __init__(self, steps: Mapping[datetime, Cell], window: timedelta) -> None:
        self.steps, self.window = steps, window
        self.cell = Cell()

    def fill(self, since: datetime, until: datetime, step: timedelta) -> None:
        while since < until:
            self.cell.merge(self.steps.get(since, NOTHING))
            since += step

    def move_on(self, at: datetime) -> None:
        """The step that began at `at` is over: it comes in, and the one a window before goes."""
        self.cell.merge(self.steps.get(at, NOTHING))
        take_away(self.cell, self.steps.get(at - self.window, NOTHING))


def take_away(cell: Cell, other: Cell) -> None:
    """Undo a merge."""
    cell.requests -= other.requests
    cell.errors -= other.errors
    cell.answers.subtract(other.answers)
    cell.latencies.zeros -= other.latencies.zeros
    cell.latencies.total -= other.latencies.total
    counts = cell.latencies.counts
    for bucket, count in other.latencies.counts.items():
        counts[bucket] -= count
        if not counts[bucket]:
            del counts[bucket]


def firings_of(rule: AlertRule, group: str, points: Iterable[Point]) -> Iterator[Firing]:
    start: datetime | None = None
    worst: Judgement | None = None
    for point in points:
        if point.state == GroupState.FIRING:
            start = start or point.at
            worst = worse(rule, worst, point.judgement)
        elif start is not None and point.state != GroupState.NO_DATA:
            yield Firing(group=group, start=start, end=point.at, value=worst.value if worst else None)
            start = worst = None
    if start is not None:
        yield Firing(group=group, start=start, end=None, value=worst.value if worst else None)


def worse(rule: AlertRule, one: Judgement | None, other: Judgement) -> Judgement:
    """The one that is further on the wrong side; one with a value is worse than one without."""
    return other if one is None or badness(rule, other) > badness(rule, one) else one


def badness(rule: AlertRule, judgement: Judgement) -> float:
    """How far on the wrong side a value is, to be held against others of the same rule."""
    value, band = judgement.value, judgement.band
    if value is None:
        return -inf
    if rule.direction == Direction.BOTH and band and band.low is not None and band.high is not None:
        return max(value - band.high, band.low - value)
    return -value if rule.direction == Direction.BELOW or rule.kind in OF_NOTHING else value


def extremes(
    rule: AlertRule, points: Sequence[Point], starts: Sequence[datetime], step: timedelta
) -> list[Judgement | None]:
    """The worst judgement within each step of a chart; null where nothing was judged."""
    found: dict[datetime, Judgement] = {}
    for point in points:
        start = floor(point.at, step)
        found[start] = worse(rule, found.get(start), point.judgement)
    return [found.get(start) for start in starts]
