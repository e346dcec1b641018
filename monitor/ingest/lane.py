"""The fast lane: ingestion as a bare ASGI application in front of Django.

It shares everything with the DRF views but the way in: keys come from a cache, bodies are read by the event
loop, and commits are grouped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from django.db import connection
from django.utils import timezone
from rest_framework.exceptions import APIException, AuthenticationFailed

from monitor.access import KeyRejected, actor_of_key
from monitor.access.keycache import KeyCache
from monitor.api.authentication import key_from
from monitor.api.body import BodyTooLarge, decompress
from monitor.api.errors import PROBLEM_JSON, ServerBusy, problem, problem_handler
from monitor.api.permissions import require
from monitor.ingest.accept import Outcome, prepare_all
from monitor.ingest.doors import DOORS, Answer, Door, key_needed, media_type_of, sender_of
from monitor.ingest.entry import Sender
from monitor.ingest.group import BROKEN, GroupCommit, Stopped, TooBusy
from monitor.lib.actors import Scope
from monitor.lib.requestids import new_request_id, remember_request_id
from monitor.models import ApiKey

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)
encode = msgspec.json.Encoder().encode


class Disconnected(Exception):
    """The client went away before its body was whole."""


def ingesting_sender(key: ApiKey) -> Sender:
    """Whose logs a key may bring. Raises PermissionDenied."""
    require(actor_of_key(key), Scope.INGEST)
    return sender_of(key)


class Lane:
    """Answers the doors itself, and leaves the rest to the application behind it."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind
        self._keys = KeyCache(ingesting_sender)
        self._commits: GroupCommit | None = None
        # One thread, and so one connection, looks keys up: a few a second at most.
        self._look_ups = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keys")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        door = DOORS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if door is None:
            await self._behind(scope, receive, send)
            return
        request_id = new_request_id()
        remember_request_id(request_id)
        try:
            answer = await self._answer(door, headers_of(scope), receive)
        except Disconnected:
            return
        except Exception as error:  # the client is owed an answer, whatever it was
            answer = error_answer(error)
        await respond(send, answer, request_id)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's own start and stop. At the stop, what was taken is finished."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._commits = GroupCommit()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._commits is not None:
                    await asyncio.to_thread(self._commits.stop)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, door: Door, headers: dict[str, str], receive: Receive) -> Answer:
        sender = await self._sender(headers)
        media_type = media_type_of(headers.get("content-type", ""))
        door.check(media_type)
        body = await read(receive, headers, limit_bytes=door.limit_bytes())

        def prepared() -> Outcome:
            plain = decompress(body, headers.get("content-encoding", ""), limit_bytes=door.limit_bytes())
            entries, rejections = prepare_all(door.items(plain, media_type), sender, now=timezone.now())
            return Outcome(entries=entries, new_ids=set(), rejections=rejections)

        # What takes longer than a switch of threads must not hold up the others.
        outcome = prepared() if door.is_small else await asyncio.to_thread(prepared)
        if outcome.entries:
            await self._keep(outcome)
        return door.answer(outcome)

    async def _sender(self, headers: dict[str, str]) -> Sender:
        raw = key_from(headers)
        if raw is None:
            raise key_needed()
        known = self._keys.peek(raw)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._look_ups, look_up_steadily, self._keys, raw)

    async def _keep(self, outcome: Outcome) -> None:
        """Wait for the commit. Raises ServerBusy or DatabaseUnavailable; nothing was kept then."""
        if self._commits is None:
            raise RuntimeError("The server has not said that it starts.")
        try:
            await asyncio.wrap_future(self._commits.submit(outcome.entries))
        except (TooBusy, Stopped):
            raise ServerBusy from None


def look_up_steadily(keys: KeyCache[Sender], raw: str) -> Sender:
    """Look a key up, on a second connection when the first one is broken. Raises AuthenticationFailed."""
    try:
        try:
            return keys.look_up(raw)
        except BROKEN:
            connection.close()
            return keys.look_up(raw)
    except KeyRejected as rejected:
        raise AuthenticationFailed(str(rejected), code=rejected.code) from None


def headers_of(scope: Message) -> dict[str, str]:
    """The headers by lower-case name; of repeated ones the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read(receive: Receive, headers: dict[str, str], *, limit_bytes: int) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as it is known to be, and Disconnected."""
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise BodyTooLarge.than(limit_bytes)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit_bytes:
            raise BodyTooLarge.than(limit_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def error_answer(error: Exception) -> Answer:
    """The problem that the DRF views would answer with."""
    if not isinstance(error, (APIException, *BROKEN)):
        logger.error("A log could not be taken", exc_info=error)
        body = problem(500, "internal_error", "Something went wrong on our side.")
        return Answer(status=500, body=body, content_type=PROBLEM_JSON)
    response = problem_handler(error, {"view": None, "request": None})
    if response is None:
        raise RuntimeError("An APIException has no problem.")
    return Answer(status=response.status_code, body=response.data, content_type=PROBLEM_JSON)


async def respond(send: Send, answer: Answer, request_id: str) -> None:
    body = encode(answer.body)
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    if answer.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="api"'))
    if answer.status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
