"""When a delivery is tried again, and when it is given up. Pure.

The schedule is the example of Standard Webhooks: ten attempts over 75 hours.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.lib.calls import retry_after_delay

S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# What each attempt waits for after the one before it.
LIVE = (0 * S, 5 * S, 5 * M, 30 * M, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H)
TEST = LIVE[:3]
# Who is overloaded is let alone for at least so long.
REST = 1 * M
LONGEST_RETRY_AFTER = 10 * H
JITTER_SHARE = 0.2
LONGEST_JITTER = 15 * M
OVERLOADED = frozenset({429, 502, 504})
SAYS_WHEN = frozenset({429, 503})


def schedule_of(mode: str) -> tuple[timedelta, ...]:
    return TEST if mode == "test" else LIVE


def next_delay(
    steps: int,
    *,
    mode: str,
    status_code: int | None,
    error_class: str,
    retry_after: str | None,
    now: datetime,
    draw: Callable[[], float],
) -> timedelta | None:
    """How long to wait after `steps` attempts of the schedule; None when it is over.

    `draw` gives a number from 0 to 1. The jitter is only ever added, so nothing comes before its time.
    """
    delays = schedule_of(mode)
    if steps >= len(delays):
        return None
    delay = delays[steps]
    if status_code in OVERLOADED or error_class == "timeout":
        delay = max(delay, REST)
    if status_code in SAYS_WHEN:
        asked = retry_after_delay(retry_after, now=now)
        delay = max(delay, min(asked, LONGEST_RETRY_AFTER)) if asked is not None else delay
    return delay + draw() * min(JITTER_SHARE * delay, LONGEST_JITTER)
