"""GET /v1/logs/tail, as a bare ASGI application in front of the others.

Django's threads would each be held by one reader: ten of them, and nobody else is answered.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from monitor.access.requests import access_log, address_of
from monitor.api.errors import ServerBusy
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
from monitor.ingest.standing import cors_headers, standing_headers
from monitor.lib.notices import Notices
from monitor.lib.requestids import remember_request_id, request_id_for
from monitor.lib.stopping import stopping
from monitor.models.arrivals import Place
from monitor.tail.events import RETRY, event, heartbeat
from monitor.tail.hub import Delivery, Hub, Stream
from monitor.tail.watching import Asked, admit

PATH = "/v1/logs/tail"
HEARTBEAT_S = 15.0


class Tail:
    """Answers the tail, and leaves the rest to the application behind it."""

    def __init__(self, behind: Application, *, notices: Notices, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.behind = behind
        self._hub = Hub(notices)
        self._heartbeat_s = heartbeat_s
        # Those who come are let in one after the other, by a thread that keeps no connection.
        self._door = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tail-door")
        stopping.add(self._hub)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await self.behind(scope, receive, send)
            return
        headers, started = headers_of(scope), time.perf_counter()
        request_id = request_id_for(headers.get("x-request-id"))
        remember_request_id(request_id)
        standing = [
            *standing_headers(secure=is_secure(scope, headers)),
            *cors_headers(origin=headers.get("origin"), method="GET", path=PATH),
        ]
        try:
            require_host(scope, headers)
            stream = await self._open(scope, headers)
        except Exception as error:
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
        stream = Stream(
            scope=scope,
            asked=await loop.run_in_executor(self._door, admit_once, scope),
            resume_at=Place.read(headers.get("last-event-id", "")),
            loop=loop,
        )
        if not self._hub.join(stream):
            raise TooManyStreams
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
        while True:
            try:
                delivery = await asyncio.wait_for(stream.queue.get(), self._heartbeat_s)
            except TimeoutError:
                if stream.queue.empty():
                    place = self._hub.place if stream.has_begun else None
                    beat = heartbeat(place=place, is_current=self._hub.is_current)
                    yield written(Delivery(), stream) + beat
                continue
            stream.waiting -= delivery.count
            yield written(delivery, stream)
            if delivery.ends:
                return


class TooManyStreams(ServerBusy):
    """A process holds so many streams and no more."""

    default_detail = "Too many readers tail the logs at this moment."
    wait = 5


def admit_once(scope: Message) -> Asked:
    try:
        return admit(scope)
    finally:
        connection.close()


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


async def begin(send: Send, request_id: str, standing: list[tuple[bytes, bytes]]) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        # nginx would keep events until a buffer is full.
        (b"x-accel-buffering", b"no"),
        (b"x-request-id", request_id.encode()),
        *standing,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    # Browsers take a stream for open at its first bytes.
    await send({"type": "http.response.body", "body": RETRY, "more_body": True})


async def gone(receive: Receive) -> None:
    """Wait until the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def log_line(scope: Message, headers: Headers, status: int, started: float) -> None:
    peer: Any = scope.get("client")
    access_log.info(
        "GET %s",
        scope["path"],
        extra={
            "status": status,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
            "client": address_of(headers.get("x-forwarded-for", ""), peer[0] if peer else None),
        },
    )
