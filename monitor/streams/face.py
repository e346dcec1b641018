"""A stream's address, as a bare ASGI application in front of the others.

Django's threads would each be held by one reader: ten of them, and nobody else is answered.
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ClassVar, Generic

from django.db import connection

from monitor.api.errors import ServerBusy
from monitor.front.answers import error_answer, respond
from monitor.front.requests import is_secure, log_line, require_host
from monitor.front.standing import standing_headers
from monitor.lib.asgi import Application, Headers, Message, Receive, Send, headers_of
from monitor.lib.requestids import remember_request_id, request_id_for
from monitor.lib.stopping import stopping
from monitor.streams.events import RETRY
from monitor.streams.hub import AnyStream, Hub

HEARTBEAT_S = 15.0


class TooManyStreams(ServerBusy):
    """A process holds so many streams and no more."""

    default_detail = "Too many readers follow streams at this moment."
    wait = 5


class StreamFace(ABC, Generic[AnyStream]):
    """Answers GET `path` with a stream, and leaves the rest to the application behind it."""

    path: ClassVar[str]

    def __init__(self, behind: Application, hub: Hub[AnyStream], *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.behind = behind
        self._hub = hub
        self._heartbeat_s = heartbeat_s
        # Those who come are let in one after the other, by a thread that keeps no connection.
        self._door = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{hub.name}-door")
        stopping.add(hub)

    @abstractmethod
    def admit(self, scope: Message, headers: Headers, loop: asyncio.AbstractEventLoop) -> AnyStream:
        """In the door's thread. Raises what the API answers to those who may not, and to a bad question."""

    @abstractmethod
    def contents(self, stream: AnyStream) -> AsyncIterator[bytes]:
        """What it sends, until it is ended."""

    def standing(self, scope: Message, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Headers of every answer."""
        return standing_headers(secure=is_secure(scope, headers))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self.path or scope["method"] != "GET":
            await self.behind(scope, receive, send)
            return
        headers, started = headers_of(scope), time.perf_counter()
        request_id = request_id_for(headers.get("x-request-id"))
        remember_request_id(request_id)
        standing = self.standing(scope, headers)
        try:
            require_host(scope, headers)
            stream = await self._open(scope, headers)
        except Exception as error:  # the reader is owed an answer, whatever it was
            answer = error_answer(error)
            await respond(send, answer, request_id, standing)
            log_line(scope, headers, status=answer.status, seconds=time.perf_counter() - started)
            return
        try:
            await begin(send, request_id, standing)
            await self._stream(stream, receive, send)
        finally:
            self._hub.leave(stream)
            log_line(scope, headers, status=200, seconds=time.perf_counter() - started)

    async def _open(self, scope: Message, headers: Headers) -> AnyStream:
        """Raises what the API answers to those who may not, and TooManyStreams."""
        loop = asyncio.get_running_loop()
        stream = await loop.run_in_executor(self._door, copy_context().run, self._admit, scope, headers, loop)
        if not self._hub.join(stream):
            raise TooManyStreams
        return stream

    def _admit(self, scope: Message, headers: Headers, loop: asyncio.AbstractEventLoop) -> AnyStream:
        try:
            return self.admit(scope, headers, loop)
        finally:
            connection.close()

    async def _stream(self, stream: AnyStream, receive: Receive, send: Send) -> None:
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

    async def _send_all(self, stream: AnyStream, send: Send) -> None:
        async for content in self.contents(stream):
            await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


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
