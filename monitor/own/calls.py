"""Calls that wait to be kept: put down by requests at no cost, taken by a thread."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

# Some megabytes. What comes while so many wait is left out: a log of ourselves is not worth a slower API.
MOST_WAITING = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnCall:
    """A request to `/v1` that was answered. `caller` is an actor's label; bodies are not in it."""

    organization_id: UUID
    mode: str
    caller: str
    method: str
    path: str
    query: str
    route: str
    status_code: int
    latency_ms: float
    called_at: datetime
    request_id: str
    ip: str
    user_agent: str
    request_bytes: int
    response_bytes: int | None


class Waiting:
    """A bounded queue that never makes a request wait. `left_out` counts what it had no room for."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._calls: deque[OwnCall] = deque()
        self._most = most
        self._lock = threading.Lock()
        self.left_out = 0

    def put(self, call: OwnCall) -> None:
        with self._lock:
            if len(self._calls) < self._most:
                self._calls.append(call)
            else:
                self.left_out += 1

    def take(self, most: int) -> list[OwnCall]:
        """The oldest of those that wait."""
        with self._lock:
            return [self._calls.popleft() for _ in range(min(most, len(self._calls)))]


calls = Waiting()
