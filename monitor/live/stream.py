"""GET /monitors/changes, as a bare ASGI application in front of the others: see monitor.tail.stream for why.

`ready`, `changed` with the ids of monitors, or with none where all that is shown may have, `beat` every 15
seconds, and `end` with a reason. A page looks at all it shows when it is ready, so there is no place to
resume.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from django.http import QueryDict

from monitor.api.errors import ServerBusy
from monitor.api.paths import uuid_or_none
from monitor.ingest.lane import (
    Application,
    Headers,
    Message,
    Receive,
    Send,
    error_answer,
    headers_of,
    is_secure,
    require_host,
    respond,
)
from monitor.ingest.standing import standing_headers
from monitor.lib.actors import Actor
from monitor.lib.requestids import remember_request_id, request_id_for
from monitor.lib.stopping import stopping
from monitor.live.hub import Hub, Stream
from monitor.tail.events import event
from monitor.tail.stream import begin, gone, log_line
from monitor.tail.watching import reader_of

PATH = "/monitors/changes"
HEARTBEAT_S = 15.0


class MonitorChanges:
    """Answers the stream, and leaves the rest to the application behind it."""

    def __init__(self, behind: Application, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.behind = behind
        self._hub = Hub()
        self._heartbeat_s = heartbeat_s
        # Those who come are let in one after the other, by a thread that keeps no connection.
        self._door = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-door")
        stopping.add(self._hub)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await self.behind(scope, receive, send)
            return
        headers, started = headers_of(scope), time.perf_counter()
        request_id = request_id_for(headers.get("x-request-id"))
        remember_request_id(request_id)
        standing = standing_headers(secure=is_secure(scope, headers))
        try:
            require_host(scope, headers)
            stream = await self._open(scope, headers)
        except Exception as error:  # the reader is owed an answer, whatever it was
            answer = error_answer(error)
            await respond(send, answer, request_id, standing)
            log_line(scope, headers, answer.status, started)
            return
        try:
            await begin(send, request_id, standing)
            await self._stream(stream, receive, send)
        finally:
            self._hub.leave(stream)
            log_line(scope, headers, 200, started)

    async def _open(self, scope: Message, headers: Headers) -> Stream:
        """Raises what the API answers to those who may not, and ServerBusy."""
        loop = asyncio.get_running_loop()
        asked = QueryDict(scope["query_string"])
        stream = Stream(
            scope=scope,
            actor=await loop.run_in_executor(self._door, admit_once, scope),
            loop=loop,
            only=uuid_or_none(asked.get("id", "")),
        )
        if not self._hub.join(stream):
            raise ServerBusy
        return stream

    async def _stream(self, stream: Stream, receive: Receive, send: Send) -> None:
        """Send until the reader leaves or the stream is ended."""
        leaving = asyncio.create_task(gone(receive))
        sending = asyncio.create_task(self._send_all(stream, send))
        try:
            await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leaving, sending):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _send_all(self, stream: Stream, send: Send) -> None:
        async for content in self._contents(stream):
            await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _contents(self, stream: Stream) -> AsyncIterator[bytes]:
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


def admit_once(scope: Message) -> Actor:
    try:
        return reader_of(scope)
    finally:
        connection.close()
