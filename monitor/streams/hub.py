"""All streams of one kind in this process, and the thread that looks for what to tell them.

One thread and one connection, however many streams, and none while there are none.
"""

import asyncio
import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Generic, TypeVar

from django.db import connection
from rest_framework.exceptions import APIException

from monitor.api.errors import DATABASE_AWAY
from monitor.lib.locks import StillLocked

logger = logging.getLogger(__name__)
Given = TypeVar("Given")
# Who was signed out is found out within this time.
RECHECK_S = 3.0
# After an error, and after the database was away.
PAUSE_S = 1.0
# The thread outlives its last stream by this, for readers who come back.
LINGER_S = 5.0
LEAST_PAUSE_S = 0.05


class TooManyOfYours(APIException):
    """A key, a person or an organization has as many streams in this process as they may."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "quota_exceeded"
    default_detail = "You follow as many streams as you may at once. End one first."
    wait = 5


@dataclass(kw_only=True, eq=False)
class Stream(ABC):
    """One reader. The hub's thread finds what it is told, and the event loop `loop` tells it."""

    scope: Mapping[str, object]
    loop: asyncio.AbstractEventLoop

    @property
    @abstractmethod
    def owners(self) -> Sequence[tuple[str, int]]:
        """Whose streams are counted together, and how many they may have; 0 for any number."""

    @abstractmethod
    def admit_again(self) -> None:
        """In the hub's thread. Raises what the API answers to those who may not read any more."""

    @abstractmethod
    def end(self, reason: Mapping[str, object]) -> None:
        """On the event loop: the last that it is told."""


AnyStream = TypeVar("AnyStream", bound=Stream)


class Hub(ABC, Generic[AnyStream]):
    """All streams of this process that are told the same kind of thing."""

    name: ClassVar[str]
    most: ClassVar[int]
    """Streams of a process."""
    every_s: ClassVar[float]

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._streams: list[AnyStream] = []
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._must_recheck = False
        self._recheck_at = 0.0
        # Whether the last look came to its end: without one, silence says nothing.
        self.is_current = False

    def join(self, stream: AnyStream) -> bool:
        """Tell this stream from the next look on. False when there are too many, or at the stop.

        Raises TooManyOfYours.
        """
        with self._lock:
            for owner, most in stream.owners:
                theirs = sum(owner == each for other in self._streams for each, _ in other.owners)
                if most and theirs >= most:
                    raise TooManyOfYours
            if self._stopped or len(self._streams) >= self.most:
                return False
            self._streams.append(stream)
            self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()
        return True

    def leave(self, stream: AnyStream) -> None:
        with self._lock:
            if stream in self._streams:
                self._streams.remove(stream)

    def recheck(self) -> None:
        """See at the next look who may still read."""
        self._must_recheck = True

    def stop(self) -> None:
        """End all streams; returns at once."""
        with self._lock:
            self._stopped = True
            streams = list(self._streams)
        self._wake.set()
        for stream in streams:
            reason = {"code": "server_stopping", "detail": "The server stops. Come back in a moment."}
            on_loop(stream.loop, stream.end, reason)

    # --- The thread ----------------------------------------------------------------------------------------

    @abstractmethod
    def begin(self) -> None:
        """The thread begins: what came before is not known."""

    @abstractmethod
    def look(self, streams: list[AnyStream], *, rechecked: bool) -> None:
        """Tell these streams what came since the last look. `rechecked`: they were admitted again."""

    def forget(self) -> None:
        """Something failed that nobody expected, and what is remembered may be why."""

    def _run(self) -> None:
        self.begin()
        # Who comes was let in a moment ago.
        self._recheck_at = time.monotonic() + RECHECK_S
        empty_since: float | None = None
        try:
            while not self._stopped:
                with self._lock:
                    streams = list(self._streams)
                    empty_since = None if streams else empty_since or time.monotonic()
                    if empty_since is not None and time.monotonic() - empty_since > LINGER_S:
                        self._thread, self.is_current = None, False
                        return
                if self._wake.wait(self._try(streams)):
                    self._wake.clear()
        finally:
            connection.close()

    def _try(self, streams: list[AnyStream]) -> float:
        """One look. Gives the seconds until the next one. What an error hides is found by the look after."""
        began = time.monotonic()
        try:
            rechecked = self._must_recheck or began >= self._recheck_at
            if rechecked:
                self._must_recheck, self._recheck_at = False, began + RECHECK_S
                streams = [stream for stream in streams if self._may_stay(stream)]
            self.look(streams, rechecked=rechecked)
        except StillLocked:
            return PAUSE_S
        except Exception as error:
            # Streams stay open, and go on where they were once the database is back.
            self.is_current = False
            if isinstance(error, DATABASE_AWAY):
                logger.warning("Streams (%s) wait for the database: %s", self.name, type(error).__name__)
            else:
                logger.exception("Streams (%s) failed", self.name)
                self.forget()
            connection.close()
            self.recheck()
            return PAUSE_S
        self.is_current = True
        return max(self.every_s - (time.monotonic() - began), LEAST_PAUSE_S)

    def _may_stay(self, stream: AnyStream) -> bool:
        try:
            stream.admit_again()
            return True
        except APIException as refused:
            code = getattr(refused.detail, "code", refused.default_code)
            reason = {"code": code, "detail": "The stream may not go on: sign in, or send another key."}
            on_loop(stream.loop, stream.end, reason)
            self.leave(stream)
            return False


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[Given], None], given: Given) -> None:
    # A loop that is closed has nobody left to tell.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, given)
