"""Hand this process's counts over to the database, every few seconds and at the end.

Counting costs no write a log, and the sums of several processes are exact, with two limits: a process that
is killed (`kill -9`) takes the counts of its last FLUSH_S seconds with it, and a connection that breaks in
the very moment of a commit can make one flush count twice.
"""

import atexit
import logging
import threading
from collections.abc import Mapping
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from monitor.lib.counting import INGESTED, LIMITED, REJECTED, WEBHOOKS
from monitor.lib.tally import Key, counts
from monitor.usage import flush_calls

logger = logging.getLogger(__name__)
FLUSH_S = 5.0
# Of these the page shows rates.
BY_MINUTE = frozenset({INGESTED, REJECTED, LIMITED, WEBHOOKS})
UPSERT = (
    "INSERT INTO counter (name, labels, value)"
    " SELECT * FROM unnest(%(names)s::text[], %(labels)s::text[], %(values)s::float8[])"
    " ON CONFLICT (name, labels) DO UPDATE SET value = counter.value + excluded.value"
)
UPSERT_MINUTE = (
    "INSERT INTO counter_minute (minute, name, labels, value)"
    " SELECT %(minute)s, * FROM unnest(%(names)s::text[], %(labels)s::text[], %(values)s::float8[])"
    " ON CONFLICT (minute, name, labels) DO UPDATE SET value = counter_minute.value + excluded.value"
)


def flush(*, now: datetime) -> None:
    """Add what was counted since the last time. When the database is away, keep it for the next time."""
    flush_calls(now=now)
    taken = counts.take()
    if not taken:
        return
    try:
        write(taken, now=now)
    except BaseException:
        counts.add_all(taken)
        raise


@transaction.atomic
def write(sums: Mapping[Key, float], *, now: datetime) -> None:
    by_minute = {key: amount for key, amount in sums.items() if key[0] in BY_MINUTE}
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, columns(sums))
        if by_minute:
            minute = now.replace(second=0, microsecond=0)
            cursor.execute(UPSERT_MINUTE, {"minute": minute, **columns(by_minute)})


def columns(sums: Mapping[Key, float]) -> dict[str, list[str] | list[float]]:
    """In one order everywhere, so that two processes never wait for each other's rows crosswise."""
    keys = sorted(sums)
    return {
        "names": [name for name, _ in keys],
        "labels": [labels for _, labels in keys],
        "values": [sums[key] for key in keys],
    }


class Flusher:
    """Flushes by a thread of its own, and once more at the end."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(FLUSH_S):
            flush_quietly()
        flush_quietly()
        connection.close()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(timeout=FLUSH_S)


_flusher: Flusher | None = None


def begin_flushing() -> None:
    """Flush every few seconds from here on. Called in each process that serves, after it was forked."""
    global _flusher
    _flusher = Flusher()
    # Under plain WSGI; uvicorn ends its process by a signal, so there the lifespan's end says it.
    atexit.register(end_flushing)


def end_flushing() -> None:
    """Hand over what is left. Does nothing in a process that never began, or has ended before."""
    global _flusher
    flusher, _flusher = _flusher, None
    if flusher is not None:
        flusher.end()


def flush_quietly() -> None:
    """Flush; a database that is away is no news here."""
    try:
        flush(now=timezone.now())
    except (DatabaseError, InterfaceError) as error:
        logger.info("Counts stay in memory until the database is back: %s", type(error).__name__)
        connection.close()
