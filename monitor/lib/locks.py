"""Database locks that let everybody else go on: short waits many times, and work that only one does."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected, LockNotAvailable

Result = TypeVar("Result")
# Whoever comes after a waiting lock waits behind it, so this is the longest that ingestion stands still.
SHORT_WAIT_MS = 200
# Now and then longer than deadlock_timeout (1 s): only then does a vacuum give way.
LONG_WAIT_MS = 1_500
EVERY_LONG = 10
MAX_TRIES = 60
PAUSE_S = 1.0


class StillLocked(Exception):
    """Others kept a table busy all the time. Nothing was changed; trying again later helps."""


class AlreadyRunning(Exception):
    """Another process is doing the same work."""


def patiently(action: Callable[[], Result], *, tries: int = MAX_TRIES, pause_s: float = PAUSE_S) -> Result:
    """What `action` gives, run in a transaction whose every wait for a lock is short.

    When a lock cannot be had, all is undone and tried again after a pause. Raises StillLocked in the end.
    """
    for attempt in range(1, tries + 1):
        wait_ms = SHORT_WAIT_MS if attempt % EVERY_LONG else LONG_WAIT_MS
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_ms}ms"])
                return action()
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                raise
        if attempt < tries:
            time.sleep(pause_s)
    raise StillLocked(f"A table was in use during each of {tries} tries.")


@contextmanager
def only_one(lock: int) -> Iterator[None]:
    """Hold an advisory lock of the session. Raises AlreadyRunning when someone else has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        if cursor.fetchone() != (True,):
            raise AlreadyRunning
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])
