"""GET /v1/logs/tail."""

import asyncio
from collections.abc import AsyncIterator

from monitor.front.standing import cors_headers
from monitor.lib.asgi import Application, Headers, Message
from monitor.lib.notices import Notices
from monitor.models.arrivals import Place
from monitor.streams.events import event, heartbeat
from monitor.streams.face import HEARTBEAT_S, StreamFace
from monitor.tail.hub import Delivery, Hub, Stream
from monitor.tail.watching import admit


class Tail(StreamFace[Stream]):
    path = "/v1/logs/tail"

    def __init__(self, behind: Application, *, notices: Notices, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._tail = Hub(notices)
        super().__init__(behind, self._tail, heartbeat_s=heartbeat_s)

    def standing(self, scope: Message, headers: Headers) -> list[tuple[bytes, bytes]]:
        cors = cors_headers(origin=headers.get("origin"), method="GET", path=self.path)
        return [*super().standing(scope, headers), *cors]

    def admit(self, scope: Message, headers: Headers, loop: asyncio.AbstractEventLoop) -> Stream:
        resume_at = Place.read(headers.get("last-event-id", ""))
        return Stream(scope=scope, asked=admit(scope), resume_at=resume_at, loop=loop)

    async def contents(self, stream: Stream) -> AsyncIterator[bytes]:
        while True:
            try:
                delivery = await asyncio.wait_for(stream.queue.get(), self._heartbeat_s)
            except TimeoutError:
                if stream.queue.empty():
                    place = self._tail.place if stream.has_begun else None
                    beat = heartbeat(place=place, is_current=self._tail.is_current)
                    yield written(Delivery(), stream) + beat
                continue
            stream.waiting -= delivery.count
            yield written(delivery, stream)
            if delivery.ends:
                return


def written(delivery: Delivery, stream: Stream) -> bytes:
    """The delivery as it is sent, and what was dropped until now. The place comes with its last event: a
    reader that lost the rest gets it again."""
    parts = list(delivery.parts)
    dropped, unread = stream.take_dropped()
    dropped, unread = dropped + delivery.dropped, unread + delivery.unread
    if dropped or unread:
        parts.append(event("dropped", {"count": dropped, "unread": unread}))
    if parts and delivery.place is not None:
        parts[-1] = f"id: {delivery.place}\n".encode() + parts[-1]
    return b"".join(parts)
