"""Looks for new logs once a tick, for all the streams of this process, as long as there are any.

Each stream has a bounded queue; what does not fit is counted, and the reader is told.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from monitor.access.keycache import KEYS_CHANNEL
from monitor.lib.notices import Listener, Notices
from monitor.models import arrivals
from monitor.models.arrivals import Place
from monitor.search.filters import TextLogFilter
from monitor.streams import hub
from monitor.streams.events import event
from monitor.streams.hub import on_loop
from monitor.tail.watching import Asked, Matches, admit, filter_of, matches

EXTEND_S = 15.0
PRUNE_S = 30.0
# Logs that wait in one stream for a slow reader.
MAX_WAITING = 1_000
# Deliveries of any size that wait in one stream.
MAX_DELIVERIES = 200


@dataclass(kw_only=True, eq=False)
class Stream(hub.Stream):
    """One reader. The hub's thread writes, and the event loop reads `queue`."""

    asked: Asked
    resume_at: Place | None
    queue: "asyncio.Queue[Delivery]" = field(default_factory=asyncio.Queue)
    waiting: int = 0
    # What did not fit and has not been told yet.
    dropped: int = 0
    unread: int = 0
    has_begun: bool = False

    @property
    def owners(self) -> Sequence[tuple[str, int]]:
        return self.asked.owners

    def admit_again(self) -> None:
        self.asked = admit(self.scope)

    def put(self, delivery: "Delivery") -> None:
        """On the event loop. Drops what a slow reader has no room for."""
        is_full = self.waiting + delivery.count > MAX_WAITING or self.queue.qsize() >= MAX_DELIVERIES
        if is_full and not delivery.ends:
            self.dropped += delivery.count + delivery.dropped
            self.unread += delivery.unread
            return
        self.waiting += delivery.count
        self.queue.put_nowait(delivery)

    def end(self, reason: Mapping[str, object]) -> None:
        self.put(Delivery(parts=(event("end", reason),), ends=True))

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


class Hub(hub.Hub[Stream]):
    name = "tail"
    most = 100
    every_s = 0.25

    def __init__(self, notices: Notices) -> None:
        super().__init__()
        self.place: Place | None = None
        # A key that is revoked ends its streams at the next tick.
        notices.add(Listener(channel=KEYS_CHANNEL, hear=lambda _: self.recheck(), catch_up=self.recheck))

    def advance(self, place: Place) -> None:
        """On the event loop, after all that was delivered up to this place."""
        self.place = place

    def begin(self) -> None:
        self._watch = Watch(self)

    def forget(self) -> None:
        self._watch.begin_anew()

    def look(self, streams: list[Stream], *, rechecked: bool) -> None:
        self._watch.tick(streams, rechecked=rechecked)


class Watch:
    """The thread's own state: where it has read to, and what each stream asks for."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._place: Place | None = None
        self._new: list[UUID] = []
        self._filters: dict[tuple[object, ...], TextLogFilter] = {}
        self._next = {"extend": 0.0, "prune": 0.0}

    def begin_anew(self) -> None:
        """Forget where it stands: readers are told of the gap."""
        self._place = None
        self._new = []

    def tick(self, streams: list[Stream], *, rechecked: bool) -> None:
        """Hand on what was committed since the last tick. After an error the next one does so."""
        if rechecked:
            self._filters.clear()
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
