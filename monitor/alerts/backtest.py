"""When a rule would have fired in the last days, had it been there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.alerts.asking import needs_logs, question_about
from monitor.alerts.kinds import KINDS, Judgement
from monitor.alerts.measures import is_worse
from monitor.alerts.standing import Standing, stand
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics import TooMuchToCount
from monitor.metrics.answer import names_of
from monitor.metrics.cells import Cell
from monitor.metrics.gather import gather, gather_logs
from monitor.metrics.question import GroupBy
from monitor.metrics.tiles import floor
from monitor.models import AlertRule
from monitor.models.alert_groups import GroupState
from monitor.models.alerts import Per

BACK = timedelta(days=7)
# Where all of it takes too long: as far as minutes of every family are kept.
BACK_AT_LEAST = timedelta(hours=47)
LIMIT = timedelta(seconds=8)
MAX_GROUPS = 20
# A window moves on by the first of these that divides it into enough parts.
STEPS = tuple(timedelta(minutes=minutes) for minutes in (60, 30, 10, 5, 1))
PARTS = 5

Steps = dict[datetime, Cell]


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


def back_test(rule: AlertRule, *, now: datetime) -> BackTest:
    """Of a rule that need not be saved. Raises TooMuchToCount when even two days are too many."""
    step = step_of(rule.window)
    until = floor(now, step)
    for back in (BACK, BACK_AT_LEAST):
        since = floor(until - back, step)
        try:
            with time_limit(LIMIT):
                counted = count_steps(rule, since=since - rule.window, until=until, step=step, now=now)
        except TookTooLong:
            continue
        return follow_back(rule, counted, since=since, until=until, step=step, is_shortened=back != BACK)
    raise TooMuchToCount("Counting the requests of two days took too long. Narrow the rule.")


def step_of(window: timedelta) -> timedelta:
    fitting = (step for step in STEPS if window % step == timedelta() and window / step >= PARTS)
    return next(fitting, STEPS[-1])


def count_steps(
    rule: AlertRule, *, since: datetime, until: datetime, step: timedelta, now: datetime
) -> dict[str, Steps]:
    """The rule's requests step by step, in each group."""
    question = question_about(rule, since=since, until=until, now=now)
    by = GroupBy(rule.per) if rule.per else None
    family = None if needs_logs(rule) else question.family_for(by)
    gathered = (
        gather_logs(question, by=by, step=step)
        if family is None
        else gather(question, family, by=by, step=step)
    )
    groups: dict[str, Steps] = defaultdict(dict)
    for slot, cell in gathered.items():
        if slot.start is not None and (slot.group or rule.per != Per.CONSUMER):
            groups[slot.group][slot.start] = cell
    return groups if rule.per or groups else {"": {}}


def follow_back(
    rule: AlertRule,
    counted: Mapping[str, Steps],
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
    is_shortened: bool,
) -> BackTest:
    busiest = sorted(counted, key=lambda group: -sum(cell.requests for cell in counted[group].values()))
    shown = busiest[:MAX_GROUPS]
    labels = names_of(GroupBy(rule.per), shown) if rule.per else {"": ("", "")}
    points = {
        labels[group][1] or ("(none)" if rule.per else ""): list(
            walk(rule, counted[group], since=since, until=until, step=step)
        )
        for group in shown
    }
    firings = [firing for group, walked in points.items() for firing in firings_of(rule, group, walked)]
    return BackTest(
        since=since,
        until=until,
        step=step,
        firings=sorted(firings, key=lambda firing: firing.start, reverse=True),
        points=points,
        more=len(busiest) - len(shown),
        is_shortened=is_shortened,
    )


def walk(
    rule: AlertRule, steps: Steps, *, since: datetime, until: datetime, step: timedelta
) -> Iterator[Point]:
    """The window moved along, and how the group would have stood: by the same judge and the same states."""
    kind, rolling = KINDS[rule.kind], Cell()
    start = since - rule.window
    standing: Standing | None = None
    while start < since:
        rolling.merge(steps.get(start, NOTHING))
        start += step
    at = since
    while at <= until:
        judgement = kind.judge(rule, rolling)
        standing = stand(standing, judgement.verdict, now=at, wait=timedelta(seconds=rule.for_s))
        yield Point(at=at, judgement=judgement, state=standing.state)
        rolling.merge(steps.get(at, NOTHING))
        take_away(rolling, steps.get(at - rule.window, NOTHING))
        at += step


NOTHING = Cell()


def take_away(cell: Cell, other: Cell) -> None:
    """Undo a merge. Adding a window up anew at each step would cost as many times as it has steps."""
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
    worst: float | None = None
    for point in points:
        if point.state == GroupState.FIRING:
            start = start or point.at
            worst = worse(rule, worst, point.judgement.value)
        elif start is not None and point.state != GroupState.NO_DATA:
            yield Firing(group=group, start=start, end=point.at, value=worst)
            start = worst = None
    if start is not None:
        yield Firing(group=group, start=start, end=None, value=worst)


def worse(rule: AlertRule, one: float | None, other: float | None) -> float | None:
    """The one further on the wrong side; a value is worse than none."""
    if one is None or other is None:
        return other if one is None else one
    return other if is_worse(rule, other, one) else one


def extremes(
    rule: AlertRule, points: Sequence[Point], starts: Sequence[datetime], step: timedelta
) -> list[float | None]:
    """The worst value within each step of a chart."""
    found: dict[datetime, float | None] = {}
    for point in points:
        start = floor(point.at, step)
        found[start] = worse(rule, found.get(start), point.judgement.value)
    return [found.get(start) for start in starts]
