"""What judging may cost: one deadline for all that is judged of an answer, and how it ends without a verdict.

Patterns and paths come from people, and so do the answers they read. The deadline is really kept: `regex`
checks it within the search (`patterns`), paths between two nodes (`paths`), and JSON Schema's patterns run on
an engine whose time is linear (`schemas`).
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

# All assertions of a check together, however many there are.
JUDGING_LIMIT_S = 2.0
# Where judging runs: other checks go on meanwhile.
JUDGING = ThreadPoolExecutor(4, thread_name_prefix="judging")


class BadAssertion(ValueError):
    """An assertion that cannot be judged; the message says what to write."""


class TooSlow(Exception):
    """A pattern or path took longer than its limit."""


_deadline: ContextVar[float] = ContextVar("deadline")


@contextmanager
def judging() -> Iterator[None]:
    """One deadline for all that is judged within."""
    token = _deadline.set(time.monotonic() + JUDGING_LIMIT_S)
    try:
        yield
    finally:
        _deadline.reset(token)


def left_s() -> float:
    """Seconds left for judging. Raises TooSlow when there are none."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TooSlow
    return left
