"""The deltas that join transactions of logs, and when they should be added up."""

import threading
import time

from django.db import transaction
from procrastinate.exceptions import AlreadyEnqueued

from monitor.metrics.tasks import compact_deltas

# Deltas and logs of this process that may wait before the worker is asked to hurry; a reader adds up what
# waits, at about 2 us a log.
HURRY_AFTER_DELTAS = 250
HURRY_AFTER_LOGS = 10_000
HURRY_AT_MOST_EVERY_S = 2.0
# Part of the statement that keeps logs (`ingest/rows.py`); takes the services' ids and the packed facts.
ADD = (
    "added AS (INSERT INTO metric_delta (services, packed)"
    " SELECT %(services)b, %(facts)b FROM guard WHERE ok)"
)


class _Waiting:
    """What this process has added since it last asked for compaction."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deltas = 0
        self._logs = 0
        self._asked_at = 0.0

    def is_much_with(self, logs: int) -> bool:
        with self._lock:
            self._deltas += 1
            self._logs += logs
            much = self._deltas >= HURRY_AFTER_DELTAS or self._logs >= HURRY_AFTER_LOGS
            now = time.monotonic()
            if not much or now - self._asked_at < HURRY_AT_MOST_EVERY_S:
                return False
            self._deltas = self._logs = 0
            self._asked_at = now
            return True


_waiting = _Waiting()


def hurry_if_much_waits(logs: int) -> None:
    """After the commit of so many logs: have the worker compact before its time, when it is worth it."""
    if logs and _waiting.is_much_with(logs):
        try:
            # A savepoint of its own, should the caller be in a transaction: the lock's refusal breaks it.
            with transaction.atomic():
                compact_deltas.configure().defer(timestamp=0)
        except AlreadyEnqueued:
            pass
