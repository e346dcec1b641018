"""When a notification is tried again, and when it is given up. Pure."""

from collections.abc import Callable
from datetime import timedelta

S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# What each attempt waits for after the one before it. Shorter than that of webhooks: whom nobody could reach
# for four hours looks at the pages, and an alert of yesterday is no news.
DELAYS = (0 * S, 10 * S, 30 * S, 2 * M, 5 * M, 15 * M, 30 * M, 1 * H, 2 * H)
LONGEST_RETRY_AFTER = 1 * H
JITTER_SHARE = 0.2


def next_delay(
    attempts: int, *, retry_after: timedelta | None, draw: Callable[[], float]
) -> timedelta | None:
    """How long to wait after so many attempts; None when it is over.

    `draw` gives a number from 0 to 1. The jitter is only ever added, so nothing comes before its time.
    """
    if attempts >= len(DELAYS):
        return None
    delay = max(DELAYS[attempts], min(retry_after or 0 * S, LONGEST_RETRY_AFTER))
    return delay + draw() * JITTER_SHARE * delay
