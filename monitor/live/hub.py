"""Looks for monitors that changed, once a second for all the pages that this process streams to.

One thread and one connection, however many pages, and none while there are none. What waits for a slow
reader is a set of monitors: it grows no larger than that, and a reader who is far behind is told to look at
all of it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import connection
from rest_framework.exceptions import APIException

from monitor.api.errors import DATABASE_AWAY
from monitor.lib.actors import Actor
from monitor.live.changes import Changed, Changes
from monitor.tail.hub import TooManyOfYours, on_loop
from monitor.tail.watching import reader_of

logger = logging.getLogger(__name__)
TICK_S = 1.0
# Who was signed out is found out within this time.
RECHECK_S = 3.0
# After an error, and after the database was away.
PAUSE_S = 2.0
# The thread outlives its last stream by this, for readers who turn the page.
LINGER_S = 5.0
MAX_STREAMS = 200
# Monitors that wait in one stream; of more, the page looks at all it shows.
MAX_WAITING = 2_000


@dataclass(kw_only=True, eq=False)
class Stream:
    """One page. The hub's thread calls `tell` and `end` on the event loop, which waits for `news`."""

    scope: Mapping[str, object]
    actor: Actor
    loop: asyncio.AbstractEventLoop
    # The one monitor that the page is about; None: all that its reader may see.
    only: UUID | None = None
    waiting: set[UUID] = field(default_factory=set)
    is_behind: bool = False
    reason: Mapping[str, object] | None = None
    # Nothing that is committed from here on is missed.
    is_ready: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, ids: frozenset[UUID]) -> None:
        self.waiting |= ids
        if len(self.waiting) > MAX_WAITING:
            self.waiting.clear()
            self.is_behind = True
        self.news.set()

    def be_ready(self, _: object = None) -> None:
        self.is_ready = True
        self.news.set()

    def end(self, reason: Mapping[str, object]) -> None:
        self.reason = reason
        self.news.set()

    def of_mine(self, changed: list[Changed]) -> frozenset[UUID]:
        """What of it the reader may see, and asked for."""
        homes = set(self.actor.organizations())
        service_id = self.actor.service_id
        return frozenset(
            each.id
            for each in changed
            if each.organization_id in homes
            and (service_id is None or each.service_id == service_id)
            and (self.only is None or each.id == self.only)
        )

    @property
    def owner(self) -> str | None:
        """Whose streams are counted together; None for visitors, who are nobody in particular."""
        return None if self.actor.is_anonymous else self.actor.label


class Hub:
    """All streams of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._streams: list[Stream] = []
        self._thread: threading.Thread | None = None
        self._stopped = False
        self.is_current = False

    def join(self, stream: Stream) -> bool:
        """Tell this stream from the next look on. False when there are too many, or at the stop.

        Raises TooManyOfYours.
        """
        with self._lock:
            most = settings.TAIL_STREAMS_KEY
            mine = sum(other.owner == stream.owner for other in self._streams)
            if most and stream.owner is not None and mine >= most:
                raise TooManyOfYours
            if self._stopped or len(self._streams) >= MAX_STREAMS:
                return False
            self._streams.append(stream)
            self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()
        return True

    def leave(self, stream: Stream) -> None:
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
            on_loop(stream.loop, stream.end, {"code": "server_stopping"})

    def _run(self) -> None:
        changes, checked_at = Changes(), time.monotonic()
        empty_since: float | None = None
        try:
            while not self._stopped:
                with self._lock:
                    streams = list(self._streams)
                    empty_since = None if streams else empty_since or time.monotonic()
                    if empty_since is not None and time.monotonic() - empty_since > LINGER_S:
                        self._thread, self.is_current = None, False
                        return
                pause = TICK_S
                try:
                    if time.monotonic() - checked_at >= RECHECK_S:
                        checked_at = time.monotonic()
                        streams = [stream for stream in streams if self._may_stay(stream)]
                    self._look(changes, streams)
                    self.is_current = True
                except Exception as error:
                    # Streams stay open: what changed meanwhile is found by the look after.
                    pause, self.is_current = PAUSE_S, False
                    if not isinstance(error, DATABASE_AWAY):
                        logger.exception("Pages of monitors could not be told what changed")
                    connection.close()
                if self._wake.wait(pause):
                    self._wake.clear()
        finally:
            connection.close()

    def _look(self, changes: Changes, streams: list[Stream]) -> None:
        homes = {home for stream in streams for home in stream.actor.organizations()}
        changed = changes.look(homes)
        for stream in streams if changed else ():
            if mine := stream.of_mine(changed):
                on_loop(stream.loop, stream.tell, mine)
        for stream in streams:
            if not stream.is_ready:
                on_loop(stream.loop, stream.be_ready, None)

    def _may_stay(self, stream: Stream) -> bool:
        try:
            stream.actor = reader_of(stream.scope)
            return True
        except APIException as refused:
            code = getattr(refused.detail, "code", refused.default_code)
            on_loop(stream.loop, stream.end, {"code": code})
            self.leave(stream)
            return False
