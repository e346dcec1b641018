"""An ASGI application called in this process, without a server, and the lane behind Django's test client."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any
from unittest.mock import patch

import msgspec
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponse
from django.test import Client

from monitor.access.keycache import KeyCache
from monitor.audit.refusals import keep_denied
from monitor.ingest.doors import DOORS
from monitor.ingest.group import GroupCommit
from monitor.ingest.lane import Lane, ingesting_sender
from monitor.ingest.store import store_batch
from monitor.lib.asgi import Message
from monitor.lib.notices import Notices


@dataclass(frozen=True, kw_only=True)
class AsgiAnswer:
    status: int
    headers: list[tuple[str, str]]
    content: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.content)

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name.lower())


def http_scope(path: str, headers: Iterable[tuple[str, str]], *, method: str = "POST") -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 5000),
        "server": ("testserver", 80),
    }


def body_messages(*chunks: bytes) -> list[Message]:
    """The body in these pieces."""
    pieces = chunks or (b"",)
    return [
        {"type": "http.request", "body": chunk, "more_body": place < len(pieces)}
        for place, chunk in enumerate(pieces, start=1)
    ]


class Running:
    """An application that was told that the server starts."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._runner = asyncio.Runner()
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._told: asyncio.Queue[Message] = asyncio.Queue()

    async def tell(self, event: str) -> None:
        await self._events.put({"type": f"lifespan.{event}"})
        assert (await self._told.get())["type"] == f"lifespan.{event}.complete"

    async def live(self) -> None:
        self._life = asyncio.create_task(
            self._application({"type": "lifespan"}, self._events.get, self._told.put)
        )
        await self.tell("startup")

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def call(self, path: str, headers: Iterable[tuple[str, str]], *chunks: bytes) -> AsgiAnswer:
        """What a POST is answered."""
        answer = self.run(self.answer(http_scope(path, headers), body_messages(*chunks)))
        assert answer is not None
        return answer

    async def answer(self, scope: Message, messages: Iterable[Message]) -> AsgiAnswer | None:
        """What the application sends once it was sent these messages; None when it sends nothing."""
        left = iter(messages)
        sent: list[Message] = []

        async def receive() -> Message:
            message = next(left, None)
            if message is None:
                await asyncio.Event().wait()
                raise AssertionError("unreachable")
            return message

        async def send(message: Message) -> None:
            sent.append(message)

        await self._application(scope, receive, send)
        if not sent:
            return None
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
        return AsgiAnswer(
            status=sent[0]["status"], headers=headers, content=b"".join(part["body"] for part in sent[1:])
        )


@contextmanager
def running(application: Any) -> Iterator[Running]:
    """The application between the server's start and its stop."""
    process = Running(application)
    process.run(process.live())
    try:
        yield process
    finally:
        process.run(process.tell("shutdown"))
        process._runner.close()


def borrowing(owner: BaseDatabaseWrapper, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on the test's own connection, whatever thread it runs in: what a test has not committed is
    seen there only. The test waits meanwhile, so nobody uses the connection at the same time."""

    @wraps(function)
    def borrowed(*arguments: Any, **options: Any) -> Any:
        own = connections["default"]
        connections["default"] = owner
        try:
            return function(*arguments, **options)
        finally:
            connections["default"] = own

    return borrowed


class NoNotices(Notices):
    """What is never committed is never notified."""

    async def run(self) -> None:
        await asyncio.Event().wait()


@contextmanager
def lane_on(owner: BaseDatabaseWrapper) -> Iterator[Running]:
    """The lane, all of it, within the transaction of this connection."""
    keys = KeyCache(ingesting_sender)
    keys.look_up = borrowing(owner, keys.look_up)  # type: ignore[method-assign]
    make_commits = partial(GroupCommit, store=borrowing(owner, store_batch))
    owner.inc_thread_sharing()
    try:
        application = Lane(get_wsgi_application(), notices=NoNotices(), keys=keys, make_commits=make_commits)
        denied = patch("monitor.ingest.lane.keep_denied", borrowing(owner, keep_denied))
        with denied, running(application) as lane:
            yield lane
    finally:
        owner.dec_thread_sharing()


@contextmanager
def doors_of(lane: Running) -> Iterator[None]:
    """Django's test client sends to the lane what the lane answers."""
    to_django = Client.request

    def request(self: Client, **changes: Any) -> Any:
        environ = self._base_environ(**changes)
        if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] not in DOORS:
            return to_django(self, **changes)
        answer = lane.call(environ["PATH_INFO"], headers_of(environ), environ["wsgi.input"].read())
        response = HttpResponse(answer.content, status=answer.status, headers=dict(answer.headers))
        response.json = partial(self._parse_json, response)  # type: ignore[attr-defined]
        return response

    with patch.object(Client, "request", request):
        yield


def headers_of(environ: dict[str, Any]) -> list[tuple[str, str]]:
    """The headers of a WSGI environment, with the Host that the test client leaves to the server."""
    named = {"Host": environ["SERVER_NAME"], "Content-Type": environ.get("CONTENT_TYPE", "")}
    if length := environ.get("CONTENT_LENGTH"):
        named["Content-Length"] = str(length)
    named |= {
        name.removeprefix("HTTP_").replace("_", "-").title(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return list(named.items())
