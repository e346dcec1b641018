"""Looks for monitors that changed, once a second for all the pages that this process streams to.

What waits for a slow reader is a set of monitors: it grows no larger than that, and a reader who is far
behind is told to look at all of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from monitor.lib.actors import Actor
from monitor.live.changes import Changed, Changes
from monitor.streams import hub
from monitor.streams.hub import on_loop
from monitor.streams.reader import reader_of

# Monitors that wait in one stream; of more, the page looks at all it shows.
MAX_WAITING = 2_000


@dataclass(kw_only=True, eq=False)
class Stream(hub.Stream):
    """One page. The hub's thread calls `tell` and `end` on the event loop, which waits for `news`."""

    actor: Actor
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
    def owners(self) -> Sequence[tuple[str, int]]:
        """Visitors are nobody in particular."""
        return [] if self.actor.is_anonymous else [(self.actor.label, settings.TAIL_STREAMS_KEY)]

    def admit_again(self) -> None:
        self.actor = reader_of(self.scope)


class Hub(hub.Hub[Stream]):
    name = "live"
    most = 200
    every_s = 1.0

    def begin(self) -> None:
        self._changes = Changes()

    def look(self, streams: list[Stream], *, rechecked: bool) -> None:
        homes = {home for stream in streams for home in stream.actor.organizations()}
        changed = self._changes.look(homes)
        for stream in streams if changed else ():
            if mine := stream.of_mine(changed):
                on_loop(stream.loop, stream.tell, mine)
        for stream in streams:
            if not stream.is_ready:
                on_loop(stream.loop, stream.be_ready, None)
