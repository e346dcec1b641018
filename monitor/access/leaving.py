"""When the reader leaves, what the database still looks up for it is cancelled.

An ASGI server tells the application; the query runs in one of Django's threads, which cannot hear. Under
plain WSGI nobody tells, and the time limits alone end a query.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse

from monitor.lib.asgi import Application, Message, Receive, Send
from monitor.lib.time_limit import ReaderLeft

CANCEL_TIMEOUT_S = 2.0
# How long is waited before a cancellation is said again, while the thread still asks the database.
AGAIN_AFTER_S = (0.05, 0.1, 0.2, 0.4, 0.8)
READS = frozenset({"GET", "HEAD"})
BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})


class Reader:
    """Who waits for an answer. One thread asks the database for it, and the event loop hears it leave."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: BaseDatabaseWrapper | None = None
        self.has_left = False

    def leave(self) -> None:
        """Cancel the query under way; those after it are not begun. May wait for the server.

        A query that was let through a moment before may reach the server after its cancellation, which then
        had nothing to end: so it is said again.
        """
        self.has_left = True
        for pause_s in AGAIN_AFTER_S:
            if not self._cancel():
                return
            time.sleep(pause_s)
        self._cancel()

    def _cancel(self) -> bool:
        """Whether the thread may still ask the database."""
        with self._lock:
            if self._connection is None:
                return False
            under_way = self._connection.connection
            if under_way is not None:
                # One that cannot be told is ended by its time limit.
                with contextlib.suppress(psycopg.Error):
                    under_way.cancel_safe(timeout=CANCEL_TIMEOUT_S)
            return True

    @contextlib.contextmanager
    def using(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """Queries within may be cancelled. Ends only after a cancellation under way, which would otherwise
        hit the thread's next request."""
        with self._lock:
            before, self._connection = self._connection, connection
        try:
            with connection.execute_wrapper(self._refuse):
                yield
        finally:
            with self._lock:
                self._connection = before

    def _refuse(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        if self.has_left:
            raise ReaderLeft("The reader has left.")
        return execute(*arguments)


_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Queries within end when the reader leaves: with ReaderLeft, or as a query that was cancelled."""
    reader = _reader.get()
    if reader is None:
        yield
        return
    # The thread's own: django.db.connection would name that of the thread that cancels.
    with reader.using(connections[DEFAULT_DB_ALIAS]):
        yield


class StoppableMiddleware:
    """What a view asks of the database ends with its reader. Streamed answers see to their own queries."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # Once, however often: a filter that is there already is not added again.
        logging.getLogger("django.request").addFilter(somebody_reads)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with stoppable():
            response = self.get_response(request)
        return nobody_reads() if reader_has_left() else response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A query that was cancelled is no fault of ours, and no line in our log."""
        return nobody_reads() if reader_has_left() else None


def somebody_reads(record: logging.LogRecord) -> bool:
    """What breaks off in a middleware, before there is a view, Django would log as an error of ours."""
    return not reader_has_left()


def reader_has_left() -> bool:
    reader = _reader.get()
    return reader is not None and reader.has_left


def nobody_reads() -> HttpResponse:
    """An answer for the access line alone; the number is nginx's word for it."""
    return HttpResponse(status=499, reason="Client Closed Request")


class CancelWhenLeft:
    """In front of Django's threads: listens for the end of the connection while they answer a read."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if not is_plain_read(scope):
            # A request that waits on a kept connection is begun by the task of the one before it, whose
            # reader this context would go on to name: one that has left, as its answer is complete.
            before = _reader.set(None)
            try:
                await self._behind(scope, receive, send)
            finally:
                _reader.reset(before)
            return
        reader = Reader()
        messages: asyncio.Queue[Message] = asyncio.Queue()
        listening = asyncio.create_task(listen(receive, reader, messages))
        # Django's thread runs in a copy of this context.
        token = _reader.set(reader)
        try:
            await self._behind(scope, messages.get, send)
        finally:
            _reader.reset(token)
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


def is_plain_read(scope: Message) -> bool:
    """A read without a body: one with a body would have to be kept here until it is asked for."""
    if scope["type"] != "http" or scope["method"] not in READS:
        return False
    return not any(name in BODY_HEADERS for name, _ in scope["headers"])


async def listen(receive: Receive, reader: Reader, messages: "asyncio.Queue[Message]") -> None:
    while True:
        message = await receive()
        messages.put_nowait(message)
        if message["type"] == "http.disconnect":
            await asyncio.to_thread(reader.leave)
            return
