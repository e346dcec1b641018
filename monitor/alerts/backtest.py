"""When a rule would have fired in the last days, had it been there: of every kind that can be told."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Count

from monitor.alerts.asking import is_of_processes, needs_logs, question_about, told_apart
from monitor.alerts.baseline import HOUR, MAX_WEEKS, WEEK, Band, band_of, hour_of
from monitor.alerts.burning import LENGTHS, label_of
from monitor.alerts.conditions import COMPARISONS, read_condition
from monitor.alerts.kinds import KINDS, Judgement, judge_by_band, judge_objective
from monitor.alerts.news import news_of_endpoints, news_of_issues
from monitor.alerts.standing import Standing, Verdict, stand
from monitor.alerts.trial import BackTest, Firing, Point, Rolling, firings_of
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics import TooMuchToCount
from monitor.metrics.answer import names_of
from monitor.metrics.cells import Cell
from monitor.metrics.gather import gather, gather_logs
from monitor.metrics.question import GroupBy
from monitor.metrics.series import DateBin
from monitor.metrics.tiles import floor
from monitor.models import AlertRule, Endpoint, ErrorIssue, RequestLog
from monitor.models.alert_groups import GroupState
from monitor.models.alerts import ConditionField, Per, RuleKind
from monitor.models.keys import Mode
from monitor.models.logs import RequestLogQuerySet

BACK = timedelta(days=7)
# Where all of it takes too long: as far as minutes of every family are kept.
BACK_AT_LEAST = timedelta(hours=47)
LIMIT = timedelta(seconds=8)
MAX_GROUPS = 20
# A window moves on by the first of these that divides it into enough parts.
STEPS = tuple(timedelta(minutes=minutes) for minutes in (60, 30, 10, 5, 1))
PARTS = 5
MINUTE = timedelta(minutes=1)
# More pieces of news than this nobody reads.
MAX_NEWS = 200

Steps = dict[datetime, Cell]


class CannotTry(ValueError):
    """A rule of a kind that nothing is kept for to try it on."""


def back_test(rule: AlertRule, *, now: datetime) -> BackTest:
    """Of a rule that need not be saved. Raises TooMuchToCount when even two days are too many, and CannotTry
    for processes: of them only the last report is kept."""
    if is_of_processes(rule):
        raise CannotTry("Of processes only the last report is kept: there is nothing to try this on.")
    trial = TRIALS.get(rule.kind, try_windows)
    for back in (BACK, BACK_AT_LEAST):
        try:
            with time_limit(LIMIT):
                return trial(rule, back, now)
        except TookTooLong:
            continue
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


def told_of(
    rule: AlertRule,
    points: Mapping[str, Sequence[Point]],
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
    back: timedelta,
    more: int = 0,
) -> BackTest:
    firings = [firing for group, walked in points.items() for firing in firings_of(rule, group, walked)]
    return BackTest(
        since=since,
        until=until,
        step=step,
        firings=sorted(firings, key=lambda firing: firing.start, reverse=True),
        points=points,
        more=more,
        is_shortened=back != BACK,
    )


# --- One window, against a threshold or a band -------------------------------------------------------------


def try_windows(rule: AlertRule, back: timedelta, now: datetime) -> BackTest:
    step = step_of(rule.window)
    until = floor(now, step)
    since = floor(until - back, step)
    counted = count_steps(rule, since=since - rule.window, until=until, step=step, now=now)
    shown = busiest_of(counted)
    judges = judges_of(rule, shown, since=since, until=until, now=now)
    points = {
        name: list(walk(rule, counted[group], judges[group], since=since, until=until, step=step))
        for group, name in labels_of(rule, shown).items()
    }
    return told_of(
        rule, points, since=since, until=until, step=step, back=back, more=len(counted) - len(shown)
    )


def busiest_of(counted: Mapping[str, Steps]) -> list[str]:
    """As many groups as can be looked at."""
    return sorted(counted, key=lambda group: -sum(cell.requests for cell in counted[group].values()))[
        :MAX_GROUPS
    ]


def labels_of(rule: AlertRule, groups: Sequence[str]) -> dict[str, str]:
    """What people call each group; the whole has no name."""
    if not rule.per:
        return dict.fromkeys(groups, "")
    names = names_of(GroupBy(rule.per), groups)
    return {group: names[group][1] or "(none)" for group in groups}


Judge = Callable[[Cell, datetime], Judgement]


def judges_of(
    rule: AlertRule, groups: Sequence[str], *, since: datetime, until: datetime, now: datetime
) -> dict[str, Judge]:
    """What judges each group's window that ends at a moment."""
    if rule.kind != RuleKind.BASELINE:
        judge = KINDS[rule.kind]
        return dict.fromkeys(groups, lambda cell, at: judge(rule, cell))
    # The weeks before each hour, as that hour would have seen them.
    first = floor(since, HOUR) - MAX_WEEKS * WEEK - 2 * HOUR
    hours = count_steps(rule, since=first, until=floor(until, HOUR), step=HOUR, now=now)
    return {group: judge_of_band(rule, hours.get(group, {})) for group in groups}


def judge_of_band(rule: AlertRule, hours: Steps) -> Judge:
    bands: dict[datetime, Band] = {}

    def judge(cell: Cell, at: datetime) -> Judgement:
        hour = hour_of(at - rule.window, at)
        if hour not in bands:
            bands[hour] = band_of(rule, hour, hours)
        return judge_by_band(rule, cell, bands[hour])

    return judge


def walk(
    rule: AlertRule, steps: Steps, judge: Judge, *, since: datetime, until: datetime, step: timedelta
) -> Iterator[Point]:
    """The window moved along, and how the group would have stood: by the same judge and the same states."""
    rolling = Rolling(steps, rule.window)
    rolling.fill(since - rule.window, since, step)
    standing: Standing | None = None
    at = since
    while at <= until:
        judgement = judge(rolling.cell, at)
        standing = stand(standing, judgement.verdict, now=at, wait=timedelta(seconds=rule.for_s))
        yield Point(at=at, judgement=judgement, state=standing.state)
        rolling.move_on(at)
        at += step


# --- Objectives --------------------------------------------------------------------------------------------

# Of all requests minutes are kept as long as logs; of an endpoint or a consumer hours tell of what is older
# than two days, and then the short windows are as long as an hour.
FINE, COARSE = timedelta(minutes=5), HOUR


def try_objective(rule: AlertRule, back: timedelta, now: datetime) -> BackTest:
    step = COARSE if told_apart(rule) else FINE
    until = floor(now, step)
    since = floor(until - back, step)
    counted = count_steps(rule, since=since - LENGTHS[-1], until=until, step=step, now=now)
    shown = busiest_of(counted)
    points: dict[str, list[Point]] = {}
    for subject, name in labels_of(rule, shown).items():
        burns = walk_burns(rule, counted[subject], since=since, until=until, step=step)
        points |= {label_of(burn, name): walked for burn, walked in burns.items()}
    return told_of(
        rule, points, since=since, until=until, step=step, back=back, more=len(counted) - len(shown)
    )


def walk_burns(
    rule: AlertRule, steps: Steps, *, since: datetime, until: datetime, step: timedelta
) -> dict[str, list[Point]]:
    """All windows moved along together, and how each of the two burns would have stood."""
    lengths = {length: max(length, step) for length in LENGTHS}
    rolling = {length: Rolling(steps, window) for length, window in lengths.items()}
    for each in rolling.values():
        each.fill(since - each.window, since, step)
    points: dict[str, list[Point]] = defaultdict(list)
    standings: dict[str, Standing] = {}
    at = since
    while at <= until:
        cells = {length: each.cell for length, each in rolling.items()}
        for burn, judgement in judge_objective(rule, cells).items():
            standings[burn] = stand(standings.get(burn), judgement.verdict, now=at, wait=timedelta())
            points[burn].append(Point(at=at, judgement=judgement, state=standings[burn].state))
        for each in rolling.values():
            each.move_on(at)
        at += step
    return points


# --- Single requests ---------------------------------------------------------------------------------------


def try_matches(rule: AlertRule, back: timedelta, now: datetime) -> BackTest:
    """Each match begins a firing, which lasts until no other has come for the cooldown."""
    until = floor(now, MINUTE)
    since = floor(until - back, MINUTE)
    matches = matching(rule).within(since, until).order_by().annotate(start=DateBin(MINUTE, "captured_at"))
    counted = Counter(dict(matches.values_list("start").annotate(number=Count("*"))))
    rest = timedelta(seconds=rule.cooldown_s)
    firings: list[Firing] = []
    for at in sorted(counted):
        last = firings[-1] if firings else None
        if last is not None and last.end is not None and at <= last.end + rest:
            firings[-1] = replace(last, end=at + MINUTE, value=(last.value or 0) + counted[at])
        else:
            firings.append(Firing(group="", start=at, end=at + MINUTE, value=float(counted[at])))
    return BackTest(
        since=since,
        until=until,
        step=HOUR,
        firings=firings[::-1],
        points={"": counts_by_hour(counted, since=since, until=until)},
        is_shortened=back != BACK,
    )


LOOKUPS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt", "==": "exact"}


def matching(rule: AlertRule) -> RequestLogQuerySet:
    """The logs that the rule's condition holds for, of either mode as it is judged. Raises BadCondition."""
    condition = read_condition(rule.condition_field, rule.condition_operator, rule.condition_value)
    logs = RequestLog.objects.of_services([rule.service_id])
    if condition.field == ConditionField.ERROR:
        is_set = COMPARISONS[condition.comparison](1, condition.wanted)
        return logs.exclude(error=None) if is_set else logs.filter(error=None)
    if condition.comparison == "!=":
        # What lacks the field matches no operator.
        return logs.exclude(**{condition.field: None}).exclude(**{condition.field: condition.wanted})
    return logs.filter(**{f"{condition.field}__{LOOKUPS[condition.comparison]}": condition.wanted})


def counts_by_hour(counted: Mapping[datetime, int], *, since: datetime, until: datetime) -> list[Point]:
    by_hour: Counter[datetime] = Counter()
    for at, number in counted.items():
        by_hour[floor(at, HOUR)] += number
    points, start = [], floor(since, HOUR)
    while start < until:
        points.append(a_count(start, by_hour[start]))
        start += HOUR
    return points


def a_count(at: datetime, number: int) -> Point:
    verdict = Verdict.BREACH if number else Verdict.CALM
    judgement = Judgement(verdict=verdict, value=float(number), requests=number)
    return Point(at=at, judgement=judgement, state=GroupState.FIRING if number else GroupState.OK)


# --- News --------------------------------------------------------------------------------------------------


def try_news(rule: AlertRule, back: timedelta, now: datetime) -> BackTest:
    """What was new in these days. An issue that came back more than once is known by the last time."""
    since = now - back
    news = list(
        news_of_endpoints(
            Endpoint.objects.filter(service=rule.service_id, first_seen_at__gte=since).order_by(
                "-first_seen_at"
            )[:MAX_NEWS]
        )
        if rule.kind == RuleKind.NEW_ENDPOINT
        else news_of_issues(issues_since(rule, since))
    )
    counted = Counter(floor(each.happened_at, MINUTE) for each in news)
    firings = [
        Firing(group=each.name, start=each.happened_at, end=each.happened_at, value=None) for each in news
    ]
    return BackTest(
        since=since,
        until=now,
        step=HOUR,
        firings=sorted(firings, key=lambda firing: firing.start, reverse=True),
        points={"": counts_by_hour(counted, since=since, until=now)},
    )


def issues_since(rule: AlertRule, since: datetime) -> list[ErrorIssue]:
    issues = ErrorIssue.objects.filter(service=rule.service_id, mode=Mode.LIVE).select_related("endpoint")
    if rule.endpoint_id:
        issues = issues.filter(endpoint=rule.endpoint_id)
    new = issues.filter(first_seen_at__gte=since)
    back_again = issues.filter(state="regressed", state_changed_at__gte=since)
    return list((new | back_again).order_by("-last_seen_at")[:MAX_NEWS])


TRIALS: Mapping[str, Callable[[AlertRule, timedelta, datetime], BackTest]] = {
    RuleKind.LOG: try_matches,
    RuleKind.SLO: try_objective,
    RuleKind.NEW_ENDPOINT: try_news,
    RuleKind.NEW_ERROR: try_news,
}
