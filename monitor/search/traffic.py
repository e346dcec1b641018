"""The chart above the log table: how many requests, by status class, over the window that is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.safestring import SafeString

from monitor.charts import TimeAxis, stacked_bars, status_series
from monitor.lib.estimates import estimated_rows
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics.gather import class_of
from monitor.metrics.series import count_over_time, starts, step_for
from monitor.models.logs import RequestLogQuerySet
from monitor.models.metrics import Family
from monitor.search.facets.counting import LIMIT, Asking, breakdown_of, is_quick
from monitor.search.facets.told import ANSWER, told_by_rollups
from monitor.search.language import Field
from monitor.search.window import Window

# Where rollups cannot tell, counted while the reader waits: about 120 ms on two small cores, measured.
MAX_COUNTED_LOGS = 300_000
SHORTER = tuple(timedelta(minutes=minutes) for minutes in (7 * 1440, 1440, 360, 60, 15, 5, 1))
# The order of a stack, and what each drawn class is made of.
DRAWN_CLASSES: Mapping[str, tuple[str, ...]] = {
    "2xx": ("2xx",),
    "3xx": ("3xx",),
    "4xx": ("4xx",),
    "5xx": ("5xx",),
    "other": ("1xx", "none"),
}


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """A chart of the window's end, and what it counted.

    `counted` is exact for `since` to `until`. `is_whole` tells whether that is all that was asked for;
    if not, `estimate` is the planner's guess for the whole. Without a chart the window held too much.
    """

    chart: SafeString | None
    since: datetime
    until: datetime
    counted: int
    estimate: int
    is_whole: bool


# Requests by the start of their step and their class.
Counts = dict[datetime, dict[str, int]]


def draw_traffic(asking: Asking, *, jump: str) -> Traffic:
    """The chart of the whole window where rollups can tell; else of as much as can be counted while someone
    waits, from its end backwards."""
    window, now = asking.window, asking.now
    step = step_for(window.since, max(min(window.until, now), window.since))
    counts = told_over_time(asking, step)
    if counts is None:
        return draw_countable(asking.filter.qs, window, now=now, jump=jump)
    counted = sum(sum(classes.values()) for classes in counts.values())
    return Traffic(
        chart=draw_counts(counts, window.since, window.until, step, now=now, jump=jump),
        since=window.since,
        until=window.until,
        counted=counted,
        estimate=counted,
        is_whole=True,
    )


def told_over_time(asking: Asking, step: timedelta) -> Counts | None:
    """The counts from rollups; None where only the logs can tell, or where too many would be read beside."""
    told = told_by_rollups(asking.filter)
    family = told.family_for(Field.STATUS) if told else None
    if told is None or family is None or asking.window.since >= asking.window.until:
        return None
    if family == Family.ANSWER and not told.fields & ANSWER:
        # These are kept by the minute as long as the logs, so that a past day has a chart too.
        family = Family.TOTAL
    breakdown = breakdown_of(asking, told)
    if not is_quick(breakdown, [family], step=step):
        return None
    try:
        with time_limit(LIMIT):
            parts = breakdown.count([family], with_answers=True, step=step)[family]
    except TookTooLong:
        return None
    counts: Counts = {}
    for part, count in parts.items():
        if part.start is not None:
            classes = counts.setdefault(part.start, {})
            name = class_of(part.status_code)
            classes[name] = classes.get(name, 0) + count
    return counts


def draw_countable(logs: RequestLogQuerySet, window: Window, *, now: datetime, jump: str) -> Traffic:
    """The chart of as much of the window's end as can be counted."""
    estimate = estimated_rows(logs) if window.since < window.until else 0
    since = countable_start(logs, window, estimate)
    if since is None or since >= window.until:
        return Traffic(
            chart=None,
            since=window.until,
            until=window.until,
            counted=0,
            estimate=estimate,
            is_whole=not estimate,
        )
    step = step_for(since, max(min(window.until, now), since))
    counts = count_over_time(logs, since=since, until=window.until, step=step)
    return Traffic(
        chart=draw_counts(counts, since, window.until, step, now=now, jump=jump),
        since=since,
        until=window.until,
        counted=sum(sum(classes.values()) for classes in counts.values()),
        estimate=estimate,
        is_whole=since == window.since,
    )


def draw_counts(
    counts: Counts, since: datetime, until: datetime, step: timedelta, *, now: datetime, jump: str
) -> SafeString:
    axis = time_axis(since, until, step, now=now, last=max(counts, default=None))
    by_class = {
        name: [sum(counts.get(start, {}).get(each, 0) for each in classes) for start in axis.starts]
        for name, classes in DRAWN_CLASSES.items()
    }
    return stacked_bars(
        axis, status_series(by_class), chart_id="traffic", title="Requests", zoom=True, jump=jump
    )


def countable_start(logs: RequestLogQuerySet, window: Window, estimate: int) -> datetime | None:
    """The window's start, or the earliest one that leaves little enough to count; None if none does."""
    if estimate <= MAX_COUNTED_LOGS:
        return window.since
    lengths = (length for length in SHORTER if length < window.until - window.since)
    shorter = (window.until - length for length in lengths)
    countable = (
        since for since in shorter if estimated_rows(logs.within(since, window.until)) <= MAX_COUNTED_LOGS
    )
    return next(countable, None)


def time_axis(
    since: datetime, until: datetime, step: timedelta, *, now: datetime, last: datetime | None
) -> TimeAxis:
    """The steps from `since`, up to now or to the last one with something in it, whichever is later.

    Windows reach a little ahead of now for senders whose clocks do; usually nothing is there to be drawn.
    """
    drawn = [
        start for start in starts(since, until, step) if start <= now or (last is not None and start <= last)
    ] or list(starts(since, until, step))[:1]
    return TimeAxis(start=drawn[0], end=drawn[-1] + step, step=step, now=now)
