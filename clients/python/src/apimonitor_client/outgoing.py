"""Calls that the application makes with httpx: event hooks for its clients.

    client = httpx.Client(event_hooks=httpx_hooks(url="…", key="…"))

httpx calls no hook when there is no answer at all, so calls that could not connect are not reported.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

from apimonitor_client.call import Call, is_text
from apimonitor_client.reporter import Reporter, reporter_for

logger = logging.getLogger("apimonitor_client")
KEY = "apimonitor.call"
CLIENT_TAG = "span.kind=client"
Hooks = dict[str, list[Callable[..., Any]]]


def httpx_hooks(**options: Any) -> Hooks:
    """The event hooks for an `httpx.Client`."""
    reporter = reporter_for(options)
    if not reporter.options.is_complete:
        return {"request": [], "response": []}
    return {
        "request": [lambda request: begin(request, reporter)],
        "response": [lambda response: follow(response, reporter, Pieces)],
    }


def async_httpx_hooks(**options: Any) -> Hooks:
    """The event hooks for an `httpx.AsyncClient`."""
    reporter = reporter_for(options)
    if not reporter.options.is_complete:
        return {"request": [], "response": []}

    async def on_request(request: httpx.Request) -> None:
        begin(request, reporter)

    async def on_response(response: httpx.Response) -> None:
        follow(response, reporter, AsyncPieces)

    return {"request": [on_request], "response": [on_response]}


def begin(request: httpx.Request, reporter: Reporter) -> None:
    try:
        request.extensions[KEY] = call = Call()
        call.method = request.method
        url = request.url
        # As it is on the wire: decoding and encoding again could change it.
        call.url = (url.scheme, url.netloc.decode("latin-1"), url.path)
        call.query = url.query.decode("latin-1")
        call.tags = (CLIENT_TAG,)
        options = reporter.options
        if options.request_bodies and is_text(request.headers.get("Content-Type", "")):
            call.note_request(body_of(request), options.max_body_bytes)
    except Exception:
        logger.debug("A call could not be read", exc_info=True)


def body_of(request: httpx.Request) -> bytes:
    try:
        return request.content
    except httpx.RequestNotRead:
        # A stream goes out as it comes.
        return b""


def follow(response: httpx.Response, reporter: Reporter, pieces: Any) -> None:
    """Report when the answer's stream is closed; what is read of it is noted on the way."""
    try:
        call = response.request.extensions.pop(KEY, None)
        if call is None:
            return
        call.status = response.status_code
        call.request_headers = response.request.headers.raw
        call.response_headers = response.headers.raw
        options = reporter.options
        readable = options.response_bodies and is_text(response.headers.get("Content-Type", ""))
        most = options.max_body_bytes if readable else 0
        if response.is_stream_consumed or response.is_closed:
            if most:
                call.note_response(response.content, most)
            finish(call, reporter)
            return
        response.stream = pieces(response.stream, call, reporter, most)
    except Exception:
        logger.debug("A call could not be reported", exc_info=True)


def finish(call: Call, reporter: Reporter) -> None:
    call.finish()
    reporter.take(call)


class _Following:
    def __init__(self, stream: Any, call: Call, reporter: Reporter, most: int) -> None:
        self._stream, self._call, self._reporter, self._most = stream, call, reporter, most
        self._over = False

    def _note(self, chunk: bytes) -> None:
        if self._most:
            self._call.note_response(chunk, self._most)

    def _end(self) -> None:
        if not self._over:
            self._over = True
            finish(self._call, self._reporter)


class Pieces(_Following, httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._stream:
                self._note(chunk)
                yield chunk
        except Exception as error:
            self._call.error = error
            raise

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._end()


class AsyncPieces(_Following, httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                self._note(chunk)
                yield chunk
        except Exception as error:
            self._call.error = error
            raise

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._end()
