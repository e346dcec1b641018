"""Group commit of pings: those that come while a transaction is under way share the next one.

As monitor.ingest.group does for logs: idle, nobody waits for company.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from monitor.api.errors import DATABASE_AWAY
from monitor.push.pings import Arrived, Incoming, Taken, take_pings

logger = logging.getLogger(__name__)
# Pings in one transaction: it holds the rows of their monitors, which probers wait for.
MOST_TOGETHER = 500
# Pings that wait; beyond, senders are asked to come back (503).
MOST_WAITING = 20_000
# After a group, those who have just been answered ping again: waiting for as many as there were, for no
# longer than this, halves the transactions. A ping that comes alone waits for nobody.
COMPANY_S = 0.003
COMPANY = 4


class Busy(Exception):
    """More pings wait than can be kept soon, or the process is going down."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Waiting:
    """A ping that waits for its commit."""

    token: UUID
    incoming: Incoming
    at: datetime
    # Of a monitor that is paused it is not taken at all.
    refuses_paused: bool
    answer: "asyncio.Future[Taken]"


Keep = Callable[[Sequence[Waiting]], list[Taken]]


def keep_together(group: Sequence[Waiting]) -> list[Taken]:
    """What became of each, in one transaction."""
    return take_pings(
        [
            Arrived(token=each.token, incoming=each.incoming, at=each.at, refuses_paused=each.refuses_paused)
            for each in group
        ]
    )


class PingCommits:
    """Keeps pings in the order they came, by a thread that holds a database connection."""

    def __init__(self, *, keep: Keep = keep_together) -> None:
        self._keep_group = keep
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        # How many pings the last transaction held.
        self._together = 0
        self._thread = threading.Thread(target=self._run, name="ping-commit", daemon=True)
        self._thread.start()

    def submit(
        self, token: UUID, incoming: Incoming, *, at: datetime, refuses_paused: bool
    ) -> "asyncio.Future[Taken]":
        """What became of the ping, once it is committed. Raises Busy."""
        answer = self._loop.create_future()
        waiting = Waiting(token=token, incoming=incoming, at=at, refuses_paused=refuses_paused, answer=answer)
        with self._changed:
            if self._stopping or len(self._waiting) >= MOST_WAITING:
                raise Busy
            self._waiting.append(waiting)
            self._changed.notify()
        return answer

    def stop(self) -> None:
        """Finish what was taken, take nothing more. Answers still reach the loop, which must go on."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next():
            self._keep(group)
        connection.close()

    def _next(self) -> list[Waiting]:
        """What waits; blocks while nothing does. Empty once stopped and done."""
        with self._changed:
            if self._together >= COMPANY:
                self._changed.wait_for(self._is_complete, COMPANY_S)
            while not self._waiting and not self._stopping:
                self._changed.wait()
            self._together = min(len(self._waiting), MOST_TOGETHER)
            return [self._waiting.popleft() for _ in range(self._together)]

    def _is_complete(self) -> bool:
        return self._stopping or len(self._waiting) >= self._together

    def _keep(self, group: Sequence[Waiting]) -> None:
        """Keep the group, or what of it can be kept: one bad ping must not take others with it."""
        try:
            taken = self._steadily(group)
        except DATABASE_AWAY as error:
            self._loop.call_soon_threadsafe(fail, group, error)
        except Exception as error:
            if len(group) > 1:
                for each in group:
                    self._keep([each])
                return
            logger.exception("A ping could not be kept")
            self._loop.call_soon_threadsafe(fail, group, error)
        else:
            self._loop.call_soon_threadsafe(tell, group, taken)

    def _steadily(self, group: Sequence[Waiting]) -> list[Taken]:
        """On a second connection when the first one is broken, as it is when PostgreSQL was restarted. A
        commit that was not heard of then counts its pings twice: they say the same twice."""
        try:
            return self._keep_group(group)
        except DATABASE_AWAY:
            connection.close()
        try:
            return self._keep_group(group)
        except DATABASE_AWAY:
            connection.close()
            raise


def tell(group: Sequence[Waiting], taken: Sequence[Taken]) -> None:
    for each, outcome in zip(group, taken, strict=True):
        if not each.answer.done():
            each.answer.set_result(outcome)


def fail(group: Sequence[Waiting], error: BaseException) -> None:
    for each in group:
        if not each.answer.done():
            each.answer.set_exception(error)
