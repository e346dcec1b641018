"""Looks for new logs once a tick, for all the streams of this process, as long as there are any.

One thread and one connection, however many streams. Each stream has a bounded queue; what does not fit is
counted, and the reader is told.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar
from uuid import UUID

from django.db import connection
from rest_framework.exceptions import APIException

from monitor.access.keycache import KEYS_CHANNEL
from monitor.api.errors import DATABASE_AWAY
from monitor.lib.locks import StillLocked
from monitor.lib.notices import Listener, Notices
from monitor.models import arrivals
from monitor.models.arrivals import Place
from monitor.search.filters import TextLogFilter
from monitor.tail.events import event
from monitor.tail.watching import Asked, Matches, admit, filter_of, matches

logger = logging.getLogger(__name__)
Given = TypeVar("Given")
TICK_S = 0.25
# Who was signed out is found out within this time; a revoked key at the next tick after its notice.
RECHECK_S = 3.0
EXTEND_S = 15.0
PRUNE_S = 30.0
# After an error, and after the database was away.
PAUSE_S = 1.0
# The thread outlives its last stream by this, for readers who come back.
LINGER_S = 5.0
MAX_STREAMS = 100
# Logs that wait in one stream for a slow reader.
MAX_WAITING = 1_000
# Deliveries of any size that wait in one stream.
MAX_DELIVERIES = 200


class TooManyOfYours(APIException):
    """A key, a person or an organization has as many streams in this process as they may."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "quota_exceeded"
    default_detail = "You tail the logs with as many streams as you may at once. End one first."
    wait = 5


@dataclass(kw_only=True, eq=False)
class Stream:
    """One reader. The hub's thread writes; the event loop reads `queue` and sets `left`."""

    scope: Mapping[str, object]
    asked: Asked
    resume_at: Place | None
    loop: asyncio.AbstractEventLoop
    queue: "asyncio.Queue[Delivery]" = field(default_factory=asyncio.Queue)
    waiting: int = 0
    # What did not fit and has not been told yet.
    dropped: int = 0
    unread: int = 0
    has_begun: bool = False
    left: bool = False

    def put(self, delivery: "Delivery") -> None:
        """On the event loop. Drops what a slow reader has no room for."""
        is_full = self.waiting + delivery.count > MAX_WAITING or self.queue.qsize() >= MAX_DELIVERIES
        if is_full and not delivery.ends:
            self.dropped += delivery.count + delivery.dropped
            self.unread += delivery.unread
            return
        self.waiting += delivery.count
        self.queue.put_nowait(delivery)

    def take_dropped(self) -> tuple[int, int]:
        """What was dropped and not told yet, and how many logs were not even looked at."""
        taken = self.dropped, self.unread
        self.dropped = self.unread = 0
        return taken


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a stream is to send: events, how many logs they are, and where that leaves the reader.

    `ends` is the last one.
    """

    parts: tuple[bytes, ...] = ()
    count: int = 0
    place: Place | None = None
    dropped: int = 0
    unread: int = 0
    ends: bool = False


class Hub:
    """All streams of this process."""

    def __init__(self, notices: Notices) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._streams: list[Stream] = []
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._recheck = False
        self.place: Place | None = None
        self.is_current = False
        # A key that is revoked ends its streams at the next tick.
        notices.add(Listener(channel=KEYS_CHANNEL, hear=lambda _: self.recheck(), catch_up=self.recheck))

    def recheck(self) -> None:
        self._recheck = True

    def advance(self, place: Place) -> None:
        """On the event loop, after all that was delivered up to this place."""
        self.place = place

    def join(self, stream: Stream) -> bool:
        """Deliver to this stream from the next tick on. False when there are too many, or at the stop.

        Raises TooManyOfYours.
        """
        with self._lock:
            for owner, most in stream.asked.owners:
                theirs = sum(owner == each for other in self._streams for each, _ in other.asked.owners)
                if most and theirs >= most:
                    raise TooManyOfYours
            if self._stopped or len(self._streams) >= MAX_STREAMS:
                return False
            self._streams.append(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
                self._thread.start()
        return True

    def leave(self, stream: Stream) -> None:
        stream.left = True
        with self._lock:
            if stream in self._streams:
                self._streams.remove(stream)

    def stop(self) -> None:
        """End all streams; returns at once."""
        with self._lock:
            self._stopped = True
            streams = list(self._streams)
        self._wake.set()
        for stream in streams:
            end(stream, {"code": "server_stopping", "detail": "The server stops. Come back in a moment."})

    # --- The thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        watch = Watch(self)
        empty_since: float | None = None
        try:
            while not self._stopped:
                with self._lock:
                    streams = list(self._streams)
                    if streams:
                        empty_since = None
                    else:
                        empty_since = empty_since or time.monotonic()
                        if time.monotonic() - empty_since > LINGER_S:
                            self._thread = None
                            self.is_current = False
                            return
                recheck, self._recheck = self._recheck, False
                pause = self._try(watch, streams, recheck=recheck)
                self._wake.wait(pause)
        finally:
            connection.close()

    def _try(self, watch: "Watch", streams: list[Stream], *, recheck: bool) -> float:
        """One tick. Gives the seconds until the next one."""
        began = time.monotonic()
        try:
            watch.tick(streams, recheck=recheck)
        except StillLocked:
            return PAUSE_S
        except Exception as error:
            # Streams stay open, and go on where they were once the database is back.
            self.is_current = False
            if isinstance(error, DATABASE_AWAY):
                logger.warning("The tail waits for the database: %s", type(error).__name__)
            else:
                logger.exception("The tail failed")
                watch.begin_anew()
            connection.close()
            self._recheck = True
            return PAUSE_S
        self.is_current = True
        return max(TICK_S - (time.monotonic() - began), 0.05)


class Watch:
    """The thread's own state: where it has read to, and what each stream asks for."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._place: Place | None = None
        self._new: list[UUID] = []
        self._filters: dict[tuple[object, ...], TextLogFilter] = {}
        self._next = {"recheck": 0.0, "extend": 0.0, "prune": 0.0}

    def begin_anew(self) -> None:
        """Forget where it stands: readers are told of the gap."""
        self._place = None
        self._new = []

    def tick(self, streams: list[Stream], *, recheck: bool) -> None:
        """Hand on what was committed since the last tick. After an error the next one does so."""
        if self._is_due("recheck", RECHECK_S) or recheck:
            self._filters.clear()
            streams = [stream for stream in streams if self._may_stay(stream)]
        place = self._look()
        if place is None:
            place = self._begin([stream for stream in streams if stream.has_begun])
        self._deliver([stream for stream in streams if stream.has_begun], place)
        for stream in streams:
            if not stream.has_begun:
                self._welcome(stream, place)
        for loop in {stream.loop for stream in streams}:
            on_loop(loop, self._hub.advance, place)
        if self._is_due("prune", PRUNE_S):
            arrivals.prune()

    def _is_due(self, name: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._next[name]:
            return False
        self._next[name] = now + every_s
        return True

    def _begin(self, readers: list[Stream]) -> Place:
        """Watch from now on. What came before is not known: those who were reading are told."""
        self.begin_anew()
        self._place = place = arrivals.begin_watch()
        for stream in readers:
            deliver(stream, Delivery(parts=(gap(),), place=place))
        return place

    def _look(self) -> Place | None:
        """Where it stands now; None when it does not know what came since the last time."""
        if self._place is None:
            return None
        if self._is_due("extend", EXTEND_S):
            arrivals.extend_watch()
        found = arrivals.look(self._place)
        if not self._place.leads_to(found.place):
            return None
        self._place = found.place
        self._new += found.ids
        return found.place

    def _may_stay(self, stream: Stream) -> bool:
        try:
            stream.asked = admit(stream.scope)
            return True
        except APIException as refused:
            code = getattr(refused.detail, "code", refused.default_code)
            end(stream, {"code": code, "detail": "The stream may not go on: sign in, or send another key."})
            self._hub.leave(stream)
            return False

    def _filter_of(self, asked: Asked) -> TextLogFilter:
        if asked.key not in self._filters:
            self._filters[asked.key] = filter_of(asked)
        return self._filters[asked.key]

    def _deliver(self, streams: list[Stream], place: Place) -> None:
        """To each what it asks for; those that ask the same share one look."""
        found: dict[tuple[object, ...], Matches] = {}
        for stream in streams if self._new else ():
            if stream.asked.key not in found:
                found[stream.asked.key] = matches(stream.asked, self._filter_of(stream.asked), self._new)
            hand_on(stream, found[stream.asked.key], place)
        self._new = []

    def _welcome(self, stream: Stream, place: Place) -> None:
        """The stream's beginning: what came since it was last heard of, or word that this is not known."""
        ids = arrivals.missed(stream.resume_at, place) if stream.resume_at else []
        if ids is None:
            deliver(stream, Delivery(parts=(gap(),)))
        resumed = stream.resume_at is not None and ids is not None
        found = matches(stream.asked, self._filter_of(stream.asked), ids) if ids else Matches()
        stream.has_begun = True
        # The place of a resumed reader moves on with the last log that it missed.
        ready = event("ready", {"resumed": resumed}, place=None if found.events else place)
        deliver(stream, Delivery(parts=(ready,)))
        hand_on(stream, found, place)


def hand_on(stream: Stream, found: Matches, place: Place) -> None:
    if found.events or found.unshown or found.unread:
        delivery = Delivery(
            parts=tuple(found.events),
            count=len(found.events),
            place=place,
            dropped=found.unshown,
            unread=found.unread,
        )
        deliver(stream, delivery)


def gap() -> bytes:
    return event("gap", {"detail": "Logs may have been missed. Ask GET /v1/logs for what came meanwhile."})


def deliver(stream: Stream, delivery: Delivery) -> None:
    on_loop(stream.loop, stream.put, delivery)


def end(stream: Stream, reason: Mapping[str, object]) -> None:
    deliver(stream, Delivery(parts=(event("end", reason),), ends=True))


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[Given], None], given: Given) -> None:
    # A loop that is closed has nobody left to tell.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, given)
