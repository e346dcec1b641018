"""The chart above the log table: how many requests, by status class, over the window that is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.safestring import SafeString

from monitor.charts import TimeAxis, stacked_bars, status_series
from monitor.lib.estimates import estimated_rows
from monitor.metrics.series import count_over_time, starts, step_for
from monitor.models.logs import RequestLogQuerySet
from monitor.search.window import Window

# Counted while the reader waits: about 120 ms on two small cores, measured. Rollups will lift it.
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


def draw_traffic(logs: RequestLogQuerySet, window: Window, *, now: datetime, jump: str) -> Traffic:
    """The chart of as much of the window as can be counted while someone waits, from its end backwards."""
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
    axis = time_axis(since, window.until, step, now=now, last=max(counts, default=None))
    by_class = {
        name: [sum(counts.get(start, {}).get(each, 0) for each in classes) for start in axis.starts]
        for name, classes in DRAWN_CLASSES.items()
    }
    chart = stacked_bars(
        axis, status_series(by_class), chart_id="traffic", title="Requests", zoom=True, jump=jump
    )
    return Traffic(
        chart=chart,
        since=since,
        until=window.until,
        counted=sum(sum(classes.values()) for classes in counts.values()),
        estimate=estimate,
        is_whole=since == window.since,
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
