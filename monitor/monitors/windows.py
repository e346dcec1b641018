"""When maintenance is: from a plan, the spans of time in which it holds. Pure; nothing is stored ahead.

A plan by the clock speaks of the clock on the wall of its zone: 23:00 to 02:00 stays that on the nights when
clocks change, and is an hour longer or shorter for it. A plan by cron begins by the wall and lasts minutes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

DAY = timedelta(days=1)
# How far ahead the next window is looked for: the 31st of a month, every 31 days.
LOOK_AHEAD = timedelta(days=400)
MAX_DURATION_MINUTES = 7 * 24 * 60
# The last days of a month, counted from its end.
LAST_DAYS = (-4, -3, -2, -1)


class Strategy(StrEnum):
    MANUAL = "manual"
    ONCE = "once"
    CRON = "cron"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    INTERVAL = "interval"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`starts_at` and `ends_at` are the span of ONCE, and the first and last moment of all that recurs.

    WEEKLY has `weekdays` (0 is Monday), MONTHLY `month_days` (-1 is the last), INTERVAL `every_days`
    counted from the day of `starts_at`; these begin at `start_time` and end at the next `end_time`.
    """

    strategy: Strategy
    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    start_time: time | None = None
    end_time: time | None = None
    weekdays: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    every_days: int = 1
    expression: str = ""
    duration_minutes: int = 0


@dataclass(frozen=True, kw_only=True)
class Window:
    """From `start` up to, not including, `end`, in UTC; an `end` of None is open."""

    start: datetime
    end: datetime | None

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment and (self.end is None or moment < self.end)


class BadPlan(ValueError):
    """A plan that no window can be made of, with the field at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def open_window(plan: Plan, at: datetime) -> Window | None:
    """The window that holds `at`; of several the one that ends last."""
    held = list(windows(plan, since=at, until=at + timedelta(microseconds=1)))
    return max(held, key=lambda window: window.end or datetime.max.replace(tzinfo=UTC), default=None)


def next_window(plan: Plan, after: datetime) -> Window | None:
    """The first window that begins after the moment."""
    ahead = windows(plan, since=after, until=after + LOOK_AHEAD)
    return next((window for window in ahead if window.start > after), None)


def windows(plan: Plan, *, since: datetime, until: datetime) -> Iterator[Window]:
    """Those that overlap [since, until), by their start."""
    for window in _planned(plan, since=since, until=until):
        cut = _within_bounds(plan, window)
        if cut is not None and cut.start < until and (cut.end is None or cut.end > since):
            yield cut


def _planned(plan: Plan, *, since: datetime, until: datetime) -> Iterator[Window]:
    if plan.strategy == Strategy.MANUAL:
        yield Window(start=plan.starts_at or datetime.min.replace(tzinfo=UTC), end=plan.ends_at)
    elif plan.strategy == Strategy.ONCE:
        if plan.starts_at is not None:
            yield Window(start=plan.starts_at, end=plan.ends_at)
    elif plan.strategy == Strategy.CRON:
        yield from _by_cron(plan, since=since, until=until)
    else:
        yield from _by_days(plan, since=since, until=until)


def _within_bounds(plan: Plan, window: Window) -> Window | None:
    """The part of it between the first and the last moment of its plan."""
    start, end = window.start, window.end
    if plan.starts_at is not None:
        start = max(start, plan.starts_at)
    if plan.ends_at is not None:
        end = plan.ends_at if end is None else min(end, plan.ends_at)
    return Window(start=start, end=end) if end is None or start < end else None


def _by_cron(plan: Plan, *, since: datetime, until: datetime) -> Iterator[Window]:
    duration = timedelta(minutes=plan.duration_minutes)
    # Backwards first: a window of days that begins each minute would else be walked minute by minute.
    zone = ZoneInfo(plan.timezone)
    last = next(CronSim(plan.expression, (since + timedelta(seconds=1)).astimezone(zone), reverse=True), None)
    # Local moments that share a zone are compared by the wall, so all arithmetic is in UTC.
    if last is not None and since - duration < (start := last.astimezone(UTC)) <= since:
        yield Window(start=start, end=start + duration)
    for moment in CronSim(plan.expression, since.astimezone(zone)):
        start = moment.astimezone(UTC)
        if start >= until:
            return
        yield Window(start=start, end=start + duration)


def _by_days(plan: Plan, *, since: datetime, until: datetime) -> Iterator[Window]:
    zone = ZoneInfo(plan.timezone)
    day, last = (since - 2 * DAY).astimezone(zone).date(), until.astimezone(zone).date()
    start_time, end_time = plan.start_time or time(0), plan.end_time or time(0)
    while day <= last:
        if _is_chosen(plan, day):
            # An end that is not after its start is of the next day; equal times are a whole day.
            end_day = day if start_time < end_time else day + DAY
            start, end = _on_the_wall(day, start_time, zone), _on_the_wall(end_day, end_time, zone, fold=1)
            if start < end:
                yield Window(start=start, end=end)
        day += DAY


def _on_the_wall(day: date, at: time, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """That time in UTC. One that comes twice is the first of the two for a start, the second for an end; one
    that is skipped is as long after the change as it would have been."""
    return datetime.combine(day, at.replace(fold=fold, tzinfo=zone)).astimezone(UTC)


def _is_chosen(plan: Plan, day: date) -> bool:
    if plan.strategy == Strategy.WEEKLY:
        return day.weekday() in plan.weekdays
    if plan.strategy == Strategy.MONTHLY:
        last = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - DAY).day
        return day.day in plan.month_days or day.day - last - 1 in plan.month_days
    if plan.starts_at is None:
        return False
    first = plan.starts_at.astimezone(ZoneInfo(plan.timezone)).date()
    return day >= first and (day - first).days % plan.every_days == 0


def check_plan(plan: Plan) -> None:
    """Raises BadPlan for a plan that has no window, or none that ends."""
    try:
        ZoneInfo(plan.timezone)
    except (KeyError, ValueError, OSError):
        raise BadPlan("timezone", "No such time zone; Europe/Berlin is one.") from None
    if plan.starts_at and plan.ends_at and plan.ends_at <= plan.starts_at:
        raise BadPlan("ends_at", "Must be after the start.")
    check = _CHECKS.get(plan.strategy)
    if check is not None:
        check(plan)


def _check_once(plan: Plan) -> None:
    if plan.starts_at is None or plan.ends_at is None:
        raise BadPlan("ends_at" if plan.starts_at else "starts_at", "Say when it begins and ends.")


def _check_cron(plan: Plan) -> None:
    if not 1 <= plan.duration_minutes <= MAX_DURATION_MINUTES:
        raise BadPlan("duration_minutes", f"Must be from 1 to {MAX_DURATION_MINUTES}.")
    try:
        CronSim(plan.expression, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise BadPlan("expression", f"No cron expression: {error}.") from None


def _check_days(plan: Plan) -> None:
    if plan.start_time is None or plan.end_time is None:
        raise BadPlan("end_time" if plan.start_time else "start_time", "Say when it begins and ends.")
    if plan.strategy == Strategy.WEEKLY and not plan.weekdays:
        raise BadPlan("weekdays", "Choose at least one day.")
    if plan.strategy == Strategy.MONTHLY and not plan.month_days:
        raise BadPlan("month_days", "Choose at least one day.")
    if plan.strategy == Strategy.INTERVAL and plan.starts_at is None:
        raise BadPlan("starts_at", "Days are counted from here.")


_CHECKS: Mapping[Strategy, Callable[[Plan], None]] = {
    Strategy.ONCE: _check_once,
    Strategy.CRON: _check_cron,
    Strategy.WEEKLY: _check_days,
    Strategy.MONTHLY: _check_days,
    Strategy.INTERVAL: _check_days,
}
