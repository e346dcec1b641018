"""GET /monitors/changes.

`ready`, `changed` with the ids of monitors, or with none where all that is shown may have, `beat` every 15
seconds, and `end` with a reason. A page looks at all it shows when it is ready, so there is no place to
resume.
"""

import asyncio
from collections.abc import AsyncIterator

from django.http import QueryDict

from monitor.api.paths import uuid_or_none
from monitor.lib.asgi import Application, Headers, Message
from monitor.live.hub import Hub, Stream
from monitor.streams.events import event
from monitor.streams.face import HEARTBEAT_S, StreamFace
from monitor.streams.reader import reader_of


class MonitorChanges(StreamFace[Stream]):
    path = "/monitors/changes"

    def __init__(self, behind: Application, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        super().__init__(behind, Hub(), heartbeat_s=heartbeat_s)

    def admit(self, scope: Message, headers: Headers, loop: asyncio.AbstractEventLoop) -> Stream:
        only = QueryDict(scope["query_string"]).get("id", "")
        return Stream(scope=scope, actor=reader_of(scope), loop=loop, only=uuid_or_none(only))

    async def contents(self, stream: Stream) -> AsyncIterator[bytes]:
        is_told = False
        while True:
            try:
                await asyncio.wait_for(stream.news.wait(), self._heartbeat_s)
            except TimeoutError:
                yield event("beat", {"current": self._hub.is_current})
                continue
            stream.news.clear()
            if stream.is_ready and not is_told:
                is_told = True
                yield event("ready", {})
            if stream.is_behind or stream.waiting:
                ids = [] if stream.is_behind else sorted(stream.waiting)
                # Cleared before it is sent: what comes while a slow reader takes it is the next one's.
                stream.waiting, stream.is_behind = set(), False
                yield event("changed", {"ids": ids})
            if stream.reason is not None:
                yield event("end", stream.reason)
                return
