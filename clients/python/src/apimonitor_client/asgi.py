"""ASGI: FastAPI, Starlette, Litestar, Quart, and any other application. Messages pass through untouched."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from apimonitor_client.call import Call, is_text
from apimonitor_client.context import current
from apimonitor_client.reporter import Reporter, close_all, reporter_for

logger = logging.getLogger("apimonitor_client")
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsgiMonitor:
    """Reports each HTTP request of the application. A stream is reported when it ends."""

    def __init__(self, app: App, **options: Any) -> None:
        self.app = app
        self.reporter = reporter_for(options)
        self._on = self.reporter.options.is_complete

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._on:
            await self._watch(scope, receive, send)
        elif scope["type"] == "lifespan" and self._on:
            await self.app(scope, receive, flushing(self.reporter, send))
        else:
            await self.app(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        watch = Watch(scope, receive, send, self.reporter)
        token = current.set(watch.call)
        try:
            await self.app(scope, watch.receive, watch.send)
        except BaseException as error:
            # A client that went away cancels the application: that is no error of its own.
            if isinstance(error, Exception):
                watch.call.error = error
            raise
        finally:
            current.reset(token)
            watch.end()


class Watch:
    """One request's messages on their way."""

    __slots__ = (
        "_base",
        "_most_in",
        "_most_out",
        "_path",
        "_receive",
        "_reporter",
        "_scope",
        "_send",
        "call",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, reporter: Reporter) -> None:
        self._scope, self._receive, self._send, self._reporter = scope, receive, send, reporter
        self.call = Call()
        options = reporter.options
        self._most_in = options.max_body_bytes if options.request_bodies else 0
        self._most_out = 0
        # Routers below change both while the request goes down to them.
        self._base, self._path = scope.get("root_path", ""), scope["path"]

    async def receive(self) -> Message:
        message = await self._receive()
        if self._most_in and message["type"] == "http.request" and (body := message.get("body")):
            call = self.call
            if call.request_body is not None or is_readable(self._scope["headers"]):
                call.note_request(body, self._most_in)
            else:
                self._most_in = 0
        return message

    async def send(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.body":
            if self._most_out and (body := message.get("body")):
                self.call.note_response(body, self._most_out)
        elif message["type"] == "http.response.start":
            call, options = self.call, self._reporter.options
            call.status = message["status"]
            call.response_headers = headers = message.get("headers", ())
            if options.response_bodies and is_readable(headers):
                self._most_out = options.max_body_bytes

    def end(self) -> None:
        try:
            call = self.call
            call.finish()
            if call.error is not None and call.status is None:
                # The server answers so, behind us.
                call.status = 500
            scope = self._scope
            # Not the scope itself: it holds the application, and whatever that put there.
            known = (
                scope["method"],
                scope.get("scheme", "http"),
                self._base,
                self._path,
                scope.get("query_string", b""),
                scope.get("client"),
                scope.get("route"),
                scope.get("root_path", ""),
            )
            call.request_headers = scope["headers"]
            call.complete = lambda call: complete(call, *known)
            self._reporter.take(call)
        except Exception:
            logger.debug("A request could not be reported", exc_info=True)


def complete(
    call: Call,
    method: str,
    scheme: str,
    base: str,
    path: str,
    query: bytes,
    client: Any,
    route: Any,
    root_path: str,
) -> None:
    """Read what the scope said before and after the application had it."""
    call.method, call.query = method, query.decode("latin-1")
    call.source = client[0] if client else ""
    # Some servers put the prefix into the path, as ASGI has it since 2024, and some leave it out.
    call.url = (scheme, "", path if not base or path.startswith(base) else base + path)
    if route is not None:
        mounted = root_path[len(base) :]
        call.route = lambda: mounted + template_of(route)


def template_of(route: Any) -> str:
    """Starlette's and FastAPI's routes know their template under one of two names."""
    return str(getattr(route, "path_format", None) or getattr(route, "path", "") or "")


def is_readable(headers: Any) -> bool:
    """Whether a body with these headers is text that ends."""
    for name, value in headers:
        if name in (b"content-type", b"Content-Type"):
            return is_text(value)
    return False


class FlushAtStop:
    """Around Django's ASGI application, which knows nothing of the server's stop: empties the queue then."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.get_running_loop().run_in_executor(None, close_all)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def flushing(reporter: Reporter, send: Send) -> Send:
    """Sends what is queued before the server is told that the application has stopped: some servers end the
    process by a signal then, and nothing that runs at its exit is run."""

    async def tell(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown"):
            try:
                await asyncio.get_running_loop().run_in_executor(None, reporter.close)
            except Exception:
                logger.debug("The queue could not be emptied", exc_info=True)
        await send(message)

    return tell
