"""Objectives: how fast the requests that may fail are used up. Pure.

A burn rate of 1 uses the budget of the period up exactly; the rates and pairs of windows are those of the
Site Reliability Workbook, chapter 5, "multiwindow, multi-burn-rate alerts". The long window says that it
matters, the short one that it goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.alerts.measures import MEASURES, measured
from monitor.metrics.cells import Cell
from monitor.metrics.tiles import floor
from monitor.models.alerts import AlertRule, Measure, RuleKind, length_text

FAST, SLOW = "fast", "slow"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two windows in which the budget must burn at least so fast, and which of a rule's two states it is."""

    group: str
    long: timedelta
    short: timedelta
    rate: float


PAIRS = (
    Pair(group=FAST, long=timedelta(hours=1), short=timedelta(minutes=5), rate=14.4),
    Pair(group=FAST, long=timedelta(hours=6), short=timedelta(minutes=30), rate=6.0),
    Pair(group=SLOW, long=timedelta(days=3), short=timedelta(hours=6), rate=1.0),
)
GROUPS = (FAST, SLOW)
# Of what a state is of: a label has 300 characters.
MAX_NAME_CHARS = 280
LENGTHS = tuple(sorted({length for pair in PAIRS for length in (pair.long, pair.short)}))
# Minutes of endpoints and consumers are kept for two days; what reaches further back begins with an hour.
# A period begins with six, which is what hours of consumers become.
MINUTES_REACH = timedelta(hours=24)
PERIOD_UNIT = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True)
class Burn:
    """How fast a pair of windows burns. `rate` is the slower of both: that of the long one, if it goes on."""

    pair: Pair
    long: float
    short: float

    @property
    def is_too_fast(self) -> bool:
        return self.rate >= self.pair.rate

    @property
    def rate(self) -> float:
        return min(self.long, self.short)

    def __str__(self) -> str:
        length = length_text(int(self.pair.long.total_seconds()))
        return f"burning {self.long:.3g} times as fast as it may, over {length}"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the requests of a period leave of the budget: `left` is 1 when none failed, and below 0 when more
    did than may. Null of no requests."""

    since: datetime
    until: datetime
    requests: int
    bad: float
    allowed: float
    left: float | None


def key_of(burn: str, subject: str) -> str:
    """The key of one of a rule's states: of which burn, and of which endpoint, consumer or environment."""
    return f"{burn}:{subject}" if subject else burn


def subject_of(key: str) -> str:
    """Of what the state is that has this key; empty for the whole."""
    return key.partition(":")[2]


def subject_in(rule: AlertRule, key: str) -> str:
    """The endpoint, consumer or environment that a group of any rule is of, as rollups have it."""
    return subject_of(key) if rule.kind == RuleKind.SLO else key


def burn_of(key: str) -> str:
    return key.partition(":")[0]


def label_of(burn: str, name: str) -> str:
    """`fast burn`, or of one of several `GET /orders, fast burn`."""
    return f"{name[:MAX_NAME_CHARS]}, {burn} burn" if name else f"{burn} burn"


def start_of(until: datetime, length: timedelta) -> datetime:
    since = until - length
    return since if length <= MINUTES_REACH else floor(since, timedelta(hours=1))


def period_of(rule: AlertRule, until: datetime) -> datetime:
    """When the period began that ends then; up to six hours earlier than its days."""
    return floor(until - timedelta(days=rule.period_days), PERIOD_UNIT)


def allowed_share(rule: AlertRule) -> float:
    """Per cent of the requests that may fail."""
    return 100 - (rule.target or 0)


def burns_of(rule: AlertRule, cells: Mapping[timedelta, Cell]) -> list[Burn]:
    """Of each pair whose long window has requests enough. A short one without any burns nothing."""
    burns = []
    for pair in PAIRS:
        long, short = (measured(rule, cells.get(length, Cell())).value for length in (pair.long, pair.short))
        if long is not None:
            # The rule's least number of requests is asked of the long window; a few are a share all the same.
            if short is None:
                short = share_of_few(rule, cells.get(pair.short, Cell()))
            allowed = allowed_share(rule)
            burns.append(Burn(pair=pair, long=long / allowed, short=short / allowed))
    return burns


def share_of_few(rule: AlertRule, cell: Cell) -> float:
    """Per cent, however few they are; 0 of none."""
    return (MEASURES[Measure(rule.measure)](rule, cell) or 0.0) if cell.requests else 0.0


def worst_of(burns: Sequence[Burn], group: str) -> Burn | None:
    """Of a group's pairs the most urgent that fires, else the one that is nearest to it."""
    mine = [burn for burn in burns if burn.pair.group == group]
    return max(mine, key=urgency, default=None)


def urgency(burn: Burn) -> tuple[float, float]:
    return (burn.pair.rate if burn.is_too_fast else 0.0), burn.rate / burn.pair.rate


def budget_of(rule: AlertRule, cell: Cell, *, since: datetime, until: datetime) -> Budget:
    share = share_of_few(rule, cell)
    allowed = cell.requests * allowed_share(rule) / 100
    bad = cell.requests * share / 100
    left = 1 - bad / allowed if allowed else None
    return Budget(since=since, until=until, requests=cell.requests, bad=bad, allowed=allowed, left=left)
