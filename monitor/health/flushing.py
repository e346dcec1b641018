"""Hand this process's counts over to the database, every few seconds and at the end.

Counting costs no write a log, and the sums of several processes are exact, with two limits: a process that
is killed (`kill -9`) takes the counts of its last FLUSH_S seconds with it, and a connection that breaks in
the very moment of a commit can make one flush count twice.
"""

import atexit
import logging
import os
import threading
from collections.abc import Mapping
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from monitor.lib.counting import INGESTED, REJECTED
from monitor.lib.tally import Key, counts

logger = logging.getLogger(__name__)
FLUSH_S = 5.0
# Of these the page shows rates.
BY_MINUTE = frozenset({INGESTED, REJECTED})
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
_process: int | None = None


def flush(*, now: datetime) -> None:
    """Add what was counted since the last time. When the database is away, keep it for the next time."""
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


def begin_flushing() -> None:
    """Flush by a thread from here on, and at the end of this process. Once in each process."""
    global _process
    if _process == os.getpid():
        return
    _process = os.getpid()
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(FLUSH_S):
            flush_quietly()

    thread = threading.Thread(target=run, name="counts", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join(timeout=FLUSH_S)
        flush_quietly()

    atexit.register(end)


def flush_quietly() -> None:
    """Flush; a database that is away is no news here."""
    try:
        flush(now=timezone.now())
    except (DatabaseError, InterfaceError) as error:
        logger.info("Counts stay in memory until the database is back: %s", type(error).__name__)
        connection.close()
