"""Group commit: logs that arrive while a transaction is under way share the next one.

Idle, a log goes straight through: nobody waits for company. Under load each commit carries what came in
during the one before it, so the cost of a commit is shared by as many as there are.
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
from django.utils import timezone

from monitor.api.errors import DATABASE_AWAY
from monitor.ingest.entry import Entry
from monitor.ingest.keep import Kept, keep_apart
from monitor.ingest.store import store_batch

logger = logging.getLogger(__name__)
# Entries in one transaction: more would make everyone in it wait longer for no less work.
MAX_GROUP = 2_000
# Entries that wait for a transaction; beyond, senders are asked to come back (503).
MAX_WAITING = 20_000


class TooBusy(Exception):
    """More logs wait than can be kept soon."""


class Stopped(Exception):
    """The process is going down and takes nothing more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Submission:
    """The entries of one request, and what its reader waits for."""

    entries: Sequence[Entry]
    answer: "asyncio.Future[Kept]"


class GroupCommit:
    """Keeps submissions in the order they came, by a thread that holds a database connection.

    Made by, and asked in, an event loop; the answers of a group reach it together, as waking it for each
    costs as much as decoding a log.
    """

    def __init__(
        self,
        *,
        store: Callable[..., set[UUID]] = store_batch,
        clock: Callable[[], datetime] = timezone.now,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._store = store
        self._clock = clock
        self._max_waiting = max_waiting
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Submission] = deque()
        self._waiting_entries = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, entries: Sequence[Entry]) -> "asyncio.Future[Kept]":
        """What became of the entries, once the kept ones are committed. Raises TooBusy or Stopped.

        The answer may speak of other submissions' entries, too. Cancelling it leaves the entries out as long
        as their transaction has not begun.
        """
        submission = Submission(entries=entries, answer=self._loop.create_future())
        with self._changed:
            if self._stopping:
                raise Stopped
            # The largest batch may be larger than what may wait; alone it is always taken.
            if self._waiting and self._waiting_entries + len(entries) > self._max_waiting:
                raise TooBusy
            self._waiting.append(submission)
            self._waiting_entries += len(entries)
            self._changed.notify()
        return submission.answer

    def stop(self) -> None:
        """Finish what was taken, take nothing more. Answers still reach the loop, which must go on."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            self._keep([each for each in group if not each.answer.cancelled()])
        connection.close()

    def _next_group(self) -> list[Submission] | None:
        """What waits, up to MAX_GROUP entries; blocks while nothing does. None once stopped and done."""
        with self._changed:
            while not self._waiting:
                if self._stopping:
                    return None
                self._changed.wait()
            group: list[Submission] = []
            size = 0
            while self._waiting and (not group or size + len(self._waiting[0].entries) <= MAX_GROUP):
                group.append(self._waiting.popleft())
                size += len(group[-1].entries)
            self._waiting_entries -= size
            return group

    def _keep(self, group: Sequence[Submission]) -> None:
        """Keep the entries of the group, and tell those who wait."""
        entries = [entry for each in group for entry in each.entries]
        if not entries:
            return
        try:
            kept = keep_apart(entries, self._store_steadily)
        except BaseException as error:  # a slip of ours, or no memory: who waits must hear
            logger.exception("A group of %s logs could not be kept", len(entries))
            self._loop.call_soon_threadsafe(fail, group, error)
        else:
            self._loop.call_soon_threadsafe(tell, group, kept)

    def _store_steadily(self, entries: Sequence[Entry]) -> set[UUID]:
        """Keep the entries, on a second connection when the first one breaks, as it does when PostgreSQL was
        restarted. The ids are made already, so a commit that was not heard of is found and not repeated."""
        try:
            return self._store(entries, now=self._clock())
        except DATABASE_AWAY:
            connection.close()
        try:
            return self._store(entries, now=self._clock(), again=True)
        except DATABASE_AWAY:
            connection.close()
            raise


def tell(group: Sequence[Submission], kept: Kept) -> None:
    """Answer those who still wait. One that was cancelled (its time at the stop was up) has none to get."""
    for each in group:
        if not each.answer.done():
            each.answer.set_result(kept)


def fail(group: Sequence[Submission], error: BaseException) -> None:
    for each in group:
        if not each.answer.done():
            each.answer.set_exception(error)
