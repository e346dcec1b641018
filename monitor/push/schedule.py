"""When a ping is due, and when its absence is an outage. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.probing.kinds.push import PushOptions, next_time


@dataclass(frozen=True, kw_only=True)
class Expected:
    """`due_at` is when the ping should come, `down_at` when the grace is over."""

    due_at: datetime
    down_at: datetime


def expected(
    options: PushOptions, *, last_ping_at: datetime | None, started_at: datetime | None
) -> Expected | None:
    """What is awaited next, or None before the first ping.

    The grace begins with whichever is first: the next due moment, or the start of a run that goes on.
    Source: Healthchecks.
    """
    moments = []
    if last_ping_at is not None:
        if options.schedule == "simple":
            moments.append(last_ping_at + timedelta(seconds=options.period_s))
        else:
            moments.append(next_time(options, after=last_ping_at))
    if started_at is not None:
        moments.append(started_at)
    if not moments:
        return None
    due_at = min(moments)
    return Expected(due_at=due_at, down_at=due_at + timedelta(seconds=options.grace_s))
