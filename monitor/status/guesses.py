"""How often somebody may be wrong about a password, in this process."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

MOST_FAILURES = 10
WINDOW_S = 60.0
# Callers that are remembered; beyond, all are forgotten, which a flood of addresses gains little by.
MOST_CALLERS = 10_000


class Guesses:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[UUID, str], list[float]] = {}
        self._lock = threading.Lock()

    def may_try(self, page_id: UUID, caller: str) -> bool:
        since = self._clock() - WINDOW_S
        with self._lock:
            recent = [at for at in self._failures.get((page_id, caller), []) if at > since]
        return len(recent) < MOST_FAILURES

    def note_failure(self, page_id: UUID, caller: str) -> None:
        now = self._clock()
        with self._lock:
            if len(self._failures) >= MOST_CALLERS:
                self._failures.clear()
            recent = [at for at in self._failures.get((page_id, caller), []) if at > now - WINDOW_S]
            self._failures[page_id, caller] = [*recent, now]
