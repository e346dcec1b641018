"""What is usual at an hour of the week, and how far from it is out of the ordinary. Pure.

The middle is the median of the same hour of up to eight weeks. The spread is the median distance from it
(MAD), scaled so that it is a standard deviation where values are normal; as eight values tell little of a
spread, the hours before and after lend their distances from their own medians. Neither is moved by one bad
week, which an average would learn as usual. The band is the middle and so many spreads to either side.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from statistics import median

from monitor.alerts.measures import COUNTS, measured
from monitor.metrics.cells import Cell
from monitor.metrics.tiles import floor
from monitor.models.alerts import AlertRule, Direction, Measure

HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
# As many weeks as are looked at, and those that it takes to judge.
MAX_WEEKS, MIN_WEEKS = 8, 3
# The hour itself and its neighbours, which lend their distances.
AROUND = (-1, 0, 1)
# MAD to standard deviation: 1 / the normal distribution's third quartile.
TO_DEVIATION = 1.4826
# No spread is less than so much of the middle, or a service that never varies would fire at a trifle.
LEAST_SHARE = 0.05
LEAST_APDEX = 0.02
PER_CENT = frozenset({Measure.ERROR_RATE, Measure.STATUS_SHARE, Measure.SLOW_SHARE})


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """The usual value of an hour, how far values lie from it, and how many requests such an hour has."""

    middle: float
    spread: float
    requests: float
    weeks: int


@dataclass(frozen=True, kw_only=True)
class Band:
    """From the lowest to the highest value that is usual; both null where too little is known to judge.
    `of` is the hour it holds for."""

    of: datetime
    low: float | None = None
    high: float | None = None

    def is_left(self, value: float, direction: str) -> bool:
        """Whether the value is out of the band on a side that the rule watches."""
        is_low = self.low is not None and value < self.low and direction != Direction.ABOVE
        is_high = self.high is not None and value > self.high and direction != Direction.BELOW
        return is_low or is_high


def hour_of(since: datetime, until: datetime) -> datetime:
    """The hour that a window is held against: the one its middle lies in."""
    return floor(since + (until - since) / 2, HOUR)


def hours_before(hour: datetime) -> list[datetime]:
    """The hours that tell what is usual at this one."""
    return [hour - week * WEEK + offset * HOUR for week in range(1, MAX_WEEKS + 1) for offset in AROUND]


def band_of(rule: AlertRule, hour: datetime, cells: Mapping[datetime, Cell]) -> Band:
    """What is usual at this hour by the cells of `hours_before`; hours without requests may be absent."""
    learnt = learn(rule, hour, cells)
    if learnt is None:
        return Band(of=hour)
    low, high = bounds(rule, learnt)
    return Band(of=hour, low=low, high=high)


def learn(rule: AlertRule, hour: datetime, cells: Mapping[datetime, Cell]) -> Learnt | None:
    """None before there are enough weeks. What came before the first requests is no history: a service that
    is new was not at 0."""
    weeks = range(1, weeks_known(hour, cells) + 1)
    values = {
        offset: known(value_of(rule, cells.get(hour - week * WEEK + offset * HOUR)) for week in weeks)
        for offset in AROUND
    }
    own = values[0]
    if len(own) < MIN_WEEKS:
        return None
    # A neighbour in which nothing ever came says nothing about how values vary.
    groups = [own] + [each for each in (values[-1], values[1]) if len(each) >= MIN_WEEKS and any(each)]
    distances = [abs(value - median(each)) for each in groups for value in each]
    # Each median took a degree of freedom: of three values one lies on it.
    correction = sqrt(len(distances) / (len(distances) - len(groups)))
    requests = [cell.requests for week in weeks if (cell := cells.get(hour - week * WEEK))]
    return Learnt(
        middle=median(own),
        spread=TO_DEVIATION * median(distances) * correction,
        requests=median(requests) if requests else 0,
        weeks=len(own),
    )


def weeks_known(hour: datetime, cells: Mapping[datetime, Cell]) -> int:
    """How many weeks ago the first requests came, at most MAX_WEEKS."""
    return max(
        (
            week
            for week in range(1, MAX_WEEKS + 1)
            for offset in AROUND
            if (cell := cells.get(hour - week * WEEK + offset * HOUR)) and cell.requests
        ),
        default=0,
    )


def value_of(rule: AlertRule, cell: Cell | None) -> float | None:
    """The rule's measure of an hour."""
    return measured(rule, cell or Cell()).value


def known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def bounds(rule: AlertRule, learnt: Learnt) -> tuple[float, float]:
    """The band for a window of the rule's length."""
    share = rule.window / HOUR
    scale = share if rule.measure in COUNTS else 1.0
    middle, spread = learnt.middle * scale, learnt.spread * scale
    spread = max(spread, LEAST_SHARE * middle, by_chance(rule, middle, learnt.requests * share))
    low, high = middle - rule.deviations * spread, middle + rule.deviations * spread
    return max(low, 0.0), high


def by_chance(rule: AlertRule, middle: float, requests: float) -> float:
    """How far a value of so few requests lies from the middle by chance alone: a window has fewer than the
    hour that was learnt from. Poisson's for counts, Bernoulli's for shares (in per cent)."""
    if rule.measure in COUNTS:
        return sqrt(max(middle, 1.0))
    if rule.measure in PER_CENT and requests:
        share = min(max(middle / 100, 1 / requests), 1.0)
        return 100 * sqrt(share * max(1 - share, 1 / requests) / requests)
    return LEAST_APDEX if rule.measure == Measure.APDEX else 0.0
