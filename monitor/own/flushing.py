"""A thread that keeps what waits, every two seconds and at the end. It never raises."""

import atexit
import logging
import threading

from django.conf import settings
from django.db import connection
from django.utils import timezone

from monitor.own.calls import calls
from monitor.own.keep import keep_calls

logger = logging.getLogger(__name__)
FLUSH_S = 2.0
BATCH = 1_000


class Keeper:
    """Keeps calls by a thread and a connection of its own."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="own-calls", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(FLUSH_S):
            keep_quietly()
        keep_quietly()
        connection.close()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(timeout=FLUSH_S)


_keeper: Keeper | None = None


def begin_keeping() -> None:
    """From here on this process keeps its own calls, unless OWN_REQUESTS is off. Called after the fork."""
    global _keeper
    if settings.OWN_REQUESTS:
        _keeper = Keeper()
        atexit.register(end_keeping)


def end_keeping() -> None:
    """Keep what is left. Does nothing in a process that never began, or has ended before."""
    global _keeper
    keeper, _keeper = _keeper, None
    if keeper is not None:
        keeper.end()


def keep_quietly() -> None:
    """Keep what waits. What cannot be kept is let go: these logs are the last to insist on a full server."""
    while waiting := calls.take(BATCH):
        try:
            keep_calls(waiting, now=timezone.now())
        except Exception as error:  # nobody waits for this thread, and without it memory would fill up
            logger.warning("%d calls of our own were not kept: %s", len(waiting), type(error).__name__)
            connection.close()
