"""The loop that sends notifications, beside that of webhooks in `manage.py deliver`.

What is sent comes from a desk: that of channels, and that of the subscribers of status pages. Each has a loop
with slots of its own, as strangers' receivers that hang must not hold up those who are on call.

One thread speaks with the database; the others only send. A slot that is free is filled again while the
others are still busy, so a channel that hangs holds up nothing but itself.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from django.db import connection
from django.utils import timezone

from monitor.api.errors import DATABASE_AWAY
from monitor.channels.claim import claim, lapsed, renew
from monitor.channels.results import keep_outcomes
from monitor.channels.sending import Job, Outcome, attempt

logger = logging.getLogger(__name__)
# How often is looked for what is due: a look at an empty table costs 0.3 ms.
LOOK_S = 0.5
SWEEP_S = 5.0
# Of the slots, those that deliveries which failed before leave to others.
KEPT_FREE = 0.25
# An attempt that runs for longer is given up for lost: its lease ends, and another one follows.
LONGEST_ATTEMPT_S = 120.0
DATABASE_RETRY_S = 1.0
STOP_S = 8.0
LAPSED = "The sender stopped before an answer came."


class Desk(Protocol):
    """Where deliveries are taken from and outcomes go. A job is of a claim and has `is_late`, an outcome has
    its `job`; both are the desk's own."""

    @property
    def name(self) -> str: ...
    def claim(self, *, free: int, late: int, now: datetime) -> list[Any]: ...
    def renew(self, jobs: list[Any], *, now: datetime) -> None: ...
    def lapsed(self, *, now: datetime) -> list[Any]: ...
    def attempt(self, job: Any, *, now: datetime) -> Any: ...
    def keep(self, outcome: Any, *, now: datetime) -> None: ...


class ChannelDesk:
    """Notifications on their way to channels."""

    name = "notify"

    def claim(self, *, free: int, late: int, now: datetime) -> list[Job]:
        return claim(free=free, late=late, now=now)

    def renew(self, jobs: list[Job], *, now: datetime) -> None:
        renew(jobs, now=now)

    def lapsed(self, *, now: datetime) -> list[Job]:
        return lapsed(now=now)

    def attempt(self, job: Job, *, now: datetime) -> Outcome[Job]:
        return attempt(job, now=now)

    def keep(self, outcome: Outcome[Job], *, now: datetime) -> None:
        keep_outcomes([outcome], now=now)


class Sender:
    """Sends until it is asked to stop."""

    def __init__(
        self, *, slots: int, clock: Callable[[], datetime] = timezone.now, desk: Desk | None = None
    ) -> None:
        self._desk = desk or ChannelDesk()
        self._slots = slots
        self._clock = clock
        self._stopping = threading.Event()
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # When each began, by the monotonic clock.
        self._under_way: dict[Any, float] = {}
        self._unwritten: list[Any] = []
        self._threads: list[threading.Thread] = []
        self._swept_at = float("-inf")

    def stop(self) -> None:
        """Ask it to end soon. May be called from anywhere."""
        self._stopping.set()

    def run(self) -> None:
        """Send until stopped. A database that goes away is waited for."""
        try:
            while not self._stopping.is_set():
                self._steadily(self.turn)
            self._finish()
        finally:
            self.close()
            connection.close()

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(None)

    @property
    def is_quiet(self) -> bool:
        return not self._under_way and not self._unwritten

    def turn(self) -> None:
        """One round: write what came in, then take what is due."""
        self._gather(LOOK_S)
        self._write()
        if time.monotonic() - self._swept_at >= SWEEP_S:
            self._swept_at = time.monotonic()
            self._sweep()
        self._claim()

    def _gather(self, wait_s: float) -> None:
        """Take the outcomes that came in; waits for the first one."""
        try:
            outcome = self._outcomes.get(timeout=wait_s)
            while True:
                self._unwritten.append(outcome)
                self._under_way.pop(outcome.job, None)
                outcome = self._outcomes.get_nowait()
        except queue.Empty:
            pass

    def _write(self) -> None:
        while self._unwritten:
            # One by one: what of one cannot be kept must not take others with it. They are few.
            self._keep(self._unwritten[0])
            self._unwritten.pop(0)

    def _keep(self, outcome: Any) -> None:
        try:
            self._desk.keep(outcome, now=self._clock())
        except DATABASE_AWAY:
            raise
        except Exception:
            # Its lease runs out, and it is tried again.
            logger.exception("The outcome of delivery %s could not be kept", outcome.job.delivery_id)

    def _sweep(self) -> None:
        """Keep what is under way, and take up what a sender that was killed left behind."""
        now, began_after = self._clock(), time.monotonic() - LONGEST_ATTEMPT_S
        self._desk.renew([job for job, began in self._under_way.items() if began > began_after], now=now)
        for job in self._desk.lapsed(now=now):
            logger.warning("Delivery %s was left by a sender that stopped", job.delivery_id)
            self._keep(lapse(job, now=now))

    def _claim(self) -> None:
        free = self._slots - len(self._under_way)
        if free <= 0:
            return
        late_under_way = sum(job.is_late for job in self._under_way)
        late = max(0, int(self._slots * (1 - KEPT_FREE)) - late_under_way)
        for job in self._desk.claim(free=free, late=late, now=self._clock()):
            self._under_way[job] = time.monotonic()
            self._jobs.put(job)
        while len(self._threads) < min(len(self._under_way), self._slots):
            self._start_thread()

    def _start_thread(self) -> None:
        # A daemon: a mail server that hangs must not keep the process from ending.
        thread = threading.Thread(target=self._send, name=self._desk.name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _send(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._outcomes.put(self._desk.attempt(job, now=self._clock()))

    def _finish(self) -> None:
        until = time.monotonic() + STOP_S
        while self._under_way and time.monotonic() < until:
            self._gather(0.1)
        self._steadily(self._write)

    def _steadily(self, action: Callable[[], None]) -> None:
        try:
            action()
        except DATABASE_AWAY as error:
            logger.warning("The database did not answer: %s", type(error).__name__)
            connection.close()
            self._stopping.wait(DATABASE_RETRY_S)
        except Exception:
            # One notification that nobody foresaw must not end those of everybody else.
            logger.exception("A round of notifications broke off")
            self._stopping.wait(DATABASE_RETRY_S)


def lapse(job: Any, *, now: datetime) -> Outcome[Any]:
    return Outcome(job=job, started_at=now, duration_ms=0.0, error_class="internal", error=LAPSED)
