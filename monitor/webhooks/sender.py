"""The loop of `manage.py deliver`: claim what is due, send it side by side, write down what came of it.

What is sent comes from a desk: that of webhooks, of channels, or of the subscribers of status pages. Each has
a loop with slots of its own, as strangers' receivers that hang must not hold up those who are on call.

One thread speaks with the database; the others only send. A slot that is free is filled again while the
others are still busy, so one slow answer holds up nothing but itself.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db import connection
from django.utils import timezone

from monitor.api.errors import DATABASE_AWAY
from monitor.lib.outbound.sending import default_tls

logger = logging.getLogger(__name__)
# How often is looked for what is due: from a commit to the first attempt it takes this long at most, when
# there is a slot. A look at an empty table costs 0.3 ms.
LOOK_S = 0.25
SWEEP_S = 5.0
# Results that come in this close together are written together.
GATHER_S = 0.015
MOST_TOGETHER = 200
# Of the slots, those that deliveries which failed before leave to others.
KEPT_FREE = 0.2
# An attempt that runs for longer is given up for lost: its lease ends, and another one follows.
LONGEST_ATTEMPT_S = 120.0
# After a database that went away, and after a fault, which is not to flood our own log.
RETRY_S = 1.0
# What is under way at the stop gets this long; the rest is sent again when its lease has run out.
STOP_S = 8.0
# What desks say of it.
LAPSED = "The sender stopped before an answer came."


class Desk(Protocol):
    """Where deliveries are taken from and outcomes go. A job is of a claim, equals itself alone and has
    `is_late`; an outcome has its `job`. Both are the desk's own."""

    @property
    def name(self) -> str: ...
    def look(self, *, now: datetime) -> None:
        """What is to be done before claims, about as often as these."""

    def claim(self, *, free: int, late: int, now: datetime) -> list[Any]: ...
    def renew(self, jobs: list[Any], *, now: datetime) -> None: ...
    def lapsed(self, *, now: datetime) -> list[Any]:
        """The outcomes of what senders left behind that were killed: their attempt counts."""

    def attempt(self, job: Any, *, now: datetime) -> Any: ...
    def keep(self, outcomes: Sequence[Any], *, now: datetime) -> object:
        """All of them in one transaction, or none."""


class Sender:
    """Sends until it is asked to stop."""

    def __init__(self, desk: Desk, *, slots: int, clock: Callable[[], datetime] = timezone.now) -> None:
        self._desk = desk
        self._slots = slots
        self._clock = clock
        self._stopping = threading.Event()
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # When each began, by the monotonic clock.
        self._under_way: dict[Any, float] = {}
        self._unwritten: list[Any] = []
        self._threads: list[threading.Thread] = []
        self._looked_at = self._swept_at = float("-inf")

    def stop(self) -> None:
        """Ask it to end soon. May be called from anywhere."""
        self._stopping.set()

    def run(self) -> None:
        """Send until stopped. A database that goes away is waited for."""
        # Read before there are threads, or each would read the authorities for itself: 20 ms, 1.5 MB a slot.
        default_tls()
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
        self._look()
        if time.monotonic() - self._swept_at >= SWEEP_S:
            self._swept_at = time.monotonic()
            self._sweep()
        self._claim()

    def _gather(self, wait_s: float) -> None:
        """Take the outcomes that came in; waits for the first one."""
        try:
            self._take(self._outcomes.get(timeout=wait_s))
            time.sleep(GATHER_S)
            while len(self._unwritten) < MOST_TOGETHER:
                self._take(self._outcomes.get_nowait())
        except queue.Empty:
            pass

    def _take(self, outcome: Any) -> None:
        self._unwritten.append(outcome)
        self._under_way.pop(outcome.job, None)

    def _write(self) -> None:
        if self._unwritten:
            self._keep(self._unwritten)
            self._unwritten = []

    def _keep(self, outcomes: Sequence[Any]) -> None:
        """Keep them together; what cannot be kept so is tried one by one, and a bad one is left out."""
        try:
            self._desk.keep(outcomes, now=self._clock())
        except DATABASE_AWAY:
            raise
        except Exception:
            if len(outcomes) > 1:
                for outcome in outcomes:
                    self._keep([outcome])
            else:
                # Its lease runs out, and it is tried again.
                delivery_id = outcomes[0].job.delivery_id
                logger.exception("The outcome of delivery %s could not be kept", delivery_id)

    def _look(self) -> None:
        """A fault in that holds up nothing that waits to be sent."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        try:
            self._desk.look(now=self._clock())
        except DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("%s: a look for what is to be told broke off", self._desk.name)
            self._looked_at += RETRY_S

    def _sweep(self) -> None:
        """Keep what is under way, and take up what a sender that was killed left behind."""
        now, began_after = self._clock(), time.monotonic() - LONGEST_ATTEMPT_S
        self._desk.renew([job for job, began in self._under_way.items() if began > began_after], now=now)
        if left := self._desk.lapsed(now=now):
            logger.warning("%s: %s were left by a sender that stopped", self._desk.name, len(left))
            self._keep(left)

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
            self._stopping.wait(RETRY_S)
        except Exception:
            # One delivery that nobody foresaw must not end those of everybody else.
            logger.exception("%s: a round broke off", self._desk.name)
            self._stopping.wait(RETRY_S)
