"""The loop of `manage.py deliver`: claim what is due, send it side by side, write down what came of it.

One thread speaks with the database; the others only send. A slot that is free is filled again while the
others are still busy, so one slow answer holds up nothing but itself.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime

from django.db import connection
from django.utils import timezone

from monitor.api.errors import DATABASE_AWAY
from monitor.events.unpacking import unpack_events
from monitor.lib.outbound.sending import default_tls
from monitor.webhooks.claim import check_lease, claim, lapsed
from monitor.webhooks.results import keep_outcomes
from monitor.webhooks.sending import Job, Outcome, attempt

logger = logging.getLogger(__name__)
# How often is looked for what is due: from a commit to the first attempt it takes this long at most, when
# there is a slot. A look at an empty table costs 0.3 ms.
LOOK_S = 0.25
SWEEP_S = 5.0
# Results that come in this close together are written together.
GATHER_S = 0.015
MOST_TOGETHER = 200
# Of the slots, those that deliveries which failed for long leave to others.
KEPT_FREE = 0.2
DATABASE_RETRY_S = 1.0
# After a fault that is to be looked for in our own log, which is not to be flooded.
FAULT_RETRY_S = 1.0
# What is under way at the stop gets this long; the rest is sent again when its lease has run out.
STOP_S = 8.0
LAPSED = "The sender stopped before an answer came."


class Deliverer:
    """Sends until it is asked to stop."""

    def __init__(self, *, slots: int, clock: Callable[[], datetime] = timezone.now) -> None:
        check_lease()
        self._slots = slots
        self._clock = clock
        self._stopping = threading.Event()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._under_way = 0
        self._late_under_way = 0
        self._unwritten: list[Outcome] = []
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
            for _ in self._threads:
                self._jobs.put(None)
            connection.close()

    def turn(self) -> None:
        """One round: write what came in, then take what is due."""
        came_in = self._gather(LOOK_S)
        self._write()
        now = time.monotonic()
        looks = now - self._looked_at >= LOOK_S
        if looks:
            self._looked_at = now
            self._unpack()
        if now - self._swept_at >= SWEEP_S:
            self._swept_at = now
            self._sweep()
        if came_in or looks:
            self._claim()

    def _unpack(self) -> None:
        """Make deliveries of what happened. A fault in that holds up nothing that waits to be sent."""
        try:
            while unpack_events(now=self._clock()):
                pass
        except DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("Events could not be unpacked")
            self._looked_at += FAULT_RETRY_S

    def _gather(self, wait_s: float) -> bool:
        """Take the outcomes that came in; waits for the first one."""
        try:
            self._take(self._outcomes.get(timeout=wait_s))
        except queue.Empty:
            return False
        time.sleep(GATHER_S)
        while len(self._unwritten) < MOST_TOGETHER:
            try:
                self._take(self._outcomes.get_nowait())
            except queue.Empty:
                break
        return True

    def _take(self, outcome: Outcome) -> None:
        self._unwritten.append(outcome)
        self._under_way -= 1
        self._late_under_way -= outcome.job.is_late

    def _write(self) -> None:
        if self._unwritten:
            self._keep(self._unwritten)
            self._unwritten = []

    def _keep(self, outcomes: list[Outcome]) -> None:
        """Keep them together; what cannot be kept so is tried one by one, and a bad one is left out."""
        try:
            keep_outcomes(outcomes, now=self._clock())
        except DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("%s outcomes could not be kept together", len(outcomes))
            for outcome in outcomes:
                self._keep_one(outcome)

    def _keep_one(self, outcome: Outcome) -> None:
        try:
            keep_outcomes([outcome], now=self._clock())
        except DATABASE_AWAY:
            raise
        except Exception:
            # Its lease runs out, and it is tried again.
            logger.exception("The outcome of delivery %s could not be kept", outcome.job.delivery_id)

    def _claim(self) -> None:
        free = self._slots - self._under_way
        if free <= 0:
            return
        late = max(0, int(self._slots * (1 - KEPT_FREE)) - self._late_under_way)
        for job in claim(free=free, late=late, now=self._clock()):
            self._under_way += 1
            self._late_under_way += job.is_late
            self._jobs.put(job)
        while len(self._threads) < min(self._under_way, self._slots):
            self._start_thread()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._send, name="deliver", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _send(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._outcomes.put(attempt(job, now=self._clock()))

    def _sweep(self) -> None:
        """Those whose deliverer was killed: their attempt counts, and they are tried again."""
        now = self._clock()
        jobs = lapsed(now=now)
        if jobs:
            logger.warning("%s deliveries were left by a deliverer that stopped", len(jobs))
            self._keep([lapse(job, now=now) for job in jobs])

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
            # One delivery that nobody foresaw must not end those of everybody else.
            logger.exception("A round of deliveries broke off")
            self._stopping.wait(FAULT_RETRY_S)


def lapse(job: Job, *, now: datetime) -> Outcome:
    return Outcome(job=job, started_at=now, duration_ms=0.0, error_class="internal", error=LAPSED)
