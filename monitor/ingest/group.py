"""Group commit: logs that arrive while a transaction is under way share the next one.

Idle, a log goes straight through: nobody waits for company. Under load each commit carries what came in
during the one before it, so the cost of a commit is shared by as many as there are.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from monitor.ingest.entry import Entry
from monitor.ingest.store import store_batch

logger = logging.getLogger(__name__)
# Entries in one transaction: more would make everyone in it wait longer for no less work.
MAX_GROUP = 2_000
# Entries that wait for a transaction; beyond, senders are asked to come back (503).
MAX_WAITING = 20_000

BROKEN = (OperationalError, InterfaceError)


class TooBusy(Exception):
    """More logs wait than can be kept soon."""


class Stopped(Exception):
    """The process is going down and takes nothing more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Submission:
    """The entries of one request, and who waits for them."""

    entries: Sequence[Entry]
    done: "Future[set[UUID]]" = field(default_factory=Future)


class GroupCommit:
    """Keeps submissions in the order they came, by threads that each hold a database connection."""

    def __init__(
        self,
        *,
        threads: int = 1,
        store: Callable[..., set[UUID]] = store_batch,
        clock: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._store = store
        self._clock = clock
        self._waiting: deque[Submission] = deque()
        self._waiting_entries = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=f"group-commit-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, entries: Sequence[Entry]) -> "Future[set[UUID]]":
        """The ids that were new, once the entries are committed. Raises TooBusy or Stopped."""
        submission = Submission(entries=entries)
        with self._changed:
            if self._stopping:
                raise Stopped
            if self._waiting and self._waiting_entries + len(entries) > MAX_WAITING:
                raise TooBusy
            self._waiting.append(submission)
            self._waiting_entries += len(entries)
            self._changed.notify()
        return submission.done

    def stop(self) -> None:
        """Finish what was taken, take nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._keep(group)
        connection.close()

    def _next_group(self) -> list[Submission]:
        """What waits, up to MAX_GROUP entries; blocks while nothing does. Empty once stopped and done."""
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            group: list[Submission] = []
            size = 0
            while self._waiting and (not group or size + len(self._waiting[0].entries) <= MAX_GROUP):
                group.append(self._waiting.popleft())
                size += len(group[-1].entries)
            self._waiting_entries -= size
            return group

    def _keep(self, group: Sequence[Submission]) -> None:
        """Keep the group; where it fails, each of its members alone, so that a bad one fails alone."""
        try:
            kept = self._store_steadily([entry for each in group for entry in each.entries])
        except Exception as error:  # whatever it is, those who wait must hear of it
            if len(group) > 1 and not isinstance(error, BROKEN):
                logger.warning(
                    "A group of %s could not be kept together: %s", len(group), type(error).__name__
                )
                for each in group:
                    self._keep([each])
                return
            for each in group:
                each.done.set_exception(error)
        else:
            for each in group:
                each.done.set_result(kept)

    def _store_steadily(self, entries: Sequence[Entry]) -> set[UUID]:
        """Keep the entries, on a second connection when the first one breaks, as it does when PostgreSQL was
        restarted. The ids are made already, so a commit that was not heard of is found and not repeated."""
        try:
            return self._store(entries, now=self._clock())
        except BROKEN:
            connection.close()
        try:
            return self._store(entries, now=self._clock(), again=True)
        except BROKEN:
            connection.close()
            raise
