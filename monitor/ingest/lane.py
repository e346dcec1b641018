"""The fast lane: ingestion as a bare ASGI application in front of Django.

It shares everything with the DRF views but the way in: keys come from a cache, bodies are read by the event
loop, and commits are grouped.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from django.utils import timezone
from rest_framework.exceptions import (
    AuthenticationFailed,
    NotAuthenticated,
    PermissionDenied,
)

from monitor.access import actor_of_key
from monitor.access.keycache import KEYS_CHANNEL, KeyCache, Refusal
from monitor.api.body import decompress
from monitor.api.errors import DATABASE_AWAY, ServerBusy
from monitor.api.permissions import KEY_OR_SIGN_IN, require
from monitor.audit.refusals import BEYOND_REACH, is_denial_known, keep_denied
from monitor.front.answers import Answer, error_answer, respond
from monitor.front.requests import is_secure, log_line, require_host, visit_in_front
from monitor.front.standing import cors_headers, standing_headers
from monitor.ingest.accept import Outcome, prepare_all
from monitor.ingest.doors import DOORS, Door, media_type_of, sender_of
from monitor.ingest.entry import Sender
from monitor.ingest.group import GroupCommit, Stopped, TooBusy
from monitor.ingest.intake import Room, read_whole
from monitor.ingest.reports import Report, keep_reports
from monitor.lib.actors import Actor, Scope
from monitor.lib.asgi import Application, Disconnected, Headers, Message, Receive, Send, headers_of
from monitor.lib.counting import count_rejected, count_request
from monitor.lib.notices import Listener, Notices
from monitor.lib.requestids import remember_request_id, request_id_for
from monitor.limits.policies import Limit
from monitor.limits.shares import shares
from monitor.models import ApiKey
from monitor.usage import count_call

# A body that is decoded, checked and masked in about the time that a switch to another thread costs; a larger
# one must not hold up the others on the event loop.
MAX_INLINE_BYTES = 16 * 1024
# Decoding holds Python's lock, so more threads would only hold more bodies.
DECODING_THREADS = 2
# Submissions of more logs than this have a thread to themselves: one log must not wait for the writing.
LARGE_SUBMISSION = 200
# Requests that wait for their key to be looked up; each look-up takes about a millisecond.
MAX_LOOK_UPS = 1_000


class MayNotSend(PermissionDenied):
    """Why the key of this actor may bring no logs."""

    def __init__(self, denied: PermissionDenied, actor: Actor) -> None:
        super().__init__(denied.detail)
        self.actor = actor


def ingesting_sender(key: ApiKey) -> Sender | MayNotSend:
    """Whose logs a key may bring, or why it may bring none."""
    actor = actor_of_key(key)
    try:
        require(actor, Scope.INGEST)
        return sender_of(key)
    except PermissionDenied as denied:
        return MayNotSend(denied, actor)


class Lane:
    """Answers the doors itself, and leaves the rest to the application behind it."""

    def __init__(
        self,
        behind: Application,
        *,
        doors: Mapping[str, Door] = DOORS,
        find_door: Callable[[str], Door | None] = lambda path: None,
        notices: Notices | None = None,
        keys: "KeyCache[Sender | MayNotSend] | None" = None,
        make_commits: Callable[[], GroupCommit] = GroupCommit,
        room: Room | None = None,
    ) -> None:
        self._behind = behind
        self._doors = doors
        # For addresses that hold more than a name; asked about those that are not in `doors`.
        self._find_door = find_door
        self._notices = notices or Notices()
        self._keys = keys or KeyCache(ingesting_sender)
        self._notices.add(
            Listener(channel=KEYS_CHANNEL, hear=lambda _: self._keys.forget(), catch_up=self._keys.forget)
        )
        self._make_commits = make_commits
        self._small: GroupCommit | None = None
        self._large: GroupCommit | None = None
        self._room = room or Room()
        self._looking_up = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        door = (self._doors.get(scope["path"]) or self._find_door(scope["path"])) if is_post else None
        if door is None:
            await self._behind(scope, receive, send)
            return
        started = time.perf_counter()
        headers = headers_of(scope)
        request_id = request_id_for(headers.get("x-request-id"))
        remember_request_id(request_id)
        door = door.for_request(media_type_of(headers.get("content-type", "")))
        try:
            answer = await self._answer(door, scope, headers, receive)
        except Disconnected:
            return
        except Exception as error:  # the client is owed an answer, whatever it was
            answer = refused(door, error)
        standing = standing_headers(secure=is_secure(scope, headers))
        cors = cors_headers(origin=headers.get("origin"), method="POST", path=scope["path"])
        await respond(send, answer, request_id, [*standing, *cors])
        seconds = time.perf_counter() - started
        count_request("ingest", seconds)
        if answer.status >= 400:
            # What was not kept: thousands of lines a second for what was would say nothing.
            log_line(scope, headers, status=answer.status, seconds=seconds)

    # --- Start and stop ----------------------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's own start and stop. At the stop, what was taken is finished."""
        listening: asyncio.Task[None] | None = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._start()
                listening = asyncio.create_task(self._notices.run())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if listening is not None:
                    listening.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await listening
                await asyncio.to_thread(self._stop)
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _start(self) -> None:
        self._small, self._large = self._make_commits(), self._make_commits()
        # One thread, and so one connection, looks keys up: a few a second at most.
        self._look_ups = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keys")
        # A client reports every ten seconds at most, in a few milliseconds; the room bounds the queue.
        self._reports = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reports")
        self._decoding = ThreadPoolExecutor(max_workers=DECODING_THREADS, thread_name_prefix="decode")

    def _stop(self) -> None:
        small, large = self._small, self._large
        self._small = self._large = None
        if small is None or large is None:
            return
        small.stop()
        large.stop()
        for with_connection in (self._look_ups, self._reports):
            with_connection.submit(close_connection)
            with_connection.shutdown()
        self._decoding.shutdown()

    # --- One request -------------------------------------------------------------------------------------

    async def _answer(self, door: Door, scope: Message, headers: Headers, receive: Receive) -> Answer:
        if self._small is None:
            raise ServerBusy  # before the server's start, or after its stop
        require_host(scope, headers)
        sender = await self._sender(door.credential(headers), scope, headers)
        count_call(sender.organization_id, key_id=sender.key_id, mode=sender.mode)
        media_type = media_type_of(headers.get("content-type", ""))
        door.check(media_type)
        limit_bytes = door.limit_bytes()
        with self._room.claim() as claim:
            body = await read_whole(receive, headers, claim, limit_bytes=limit_bytes)
            loop = asyncio.get_running_loop()
            if encoding := headers.get("content-encoding", ""):
                body = await loop.run_in_executor(
                    self._decoding, lambda: decompress(body, encoding, limit_bytes=limit_bytes)
                )
                claim.grow(len(body))

            def prepare() -> Outcome:
                return prepare_all(door.items(body, media_type), sender, now=timezone.now())

            inline = len(body) <= MAX_INLINE_BYTES
            outcome = prepare() if inline else await loop.run_in_executor(self._decoding, prepare)
            if sender.limits and outcome.entries:
                await self._admit(sender.limits, len(outcome.entries))
            kept = await self._keep(outcome) if outcome.entries else outcome
            if reports := door.reports():
                await loop.run_in_executor(self._reports, keep_reports_steadily, reports, sender)
            return door.answer(kept)

    async def _sender(self, raw: str | None, scope: Message, headers: Headers) -> Sender:
        """Who sends. Raises NotAuthenticated, AuthenticationFailed, PermissionDenied or ServerBusy."""
        if raw is None:
            raise NotAuthenticated(KEY_OR_SIGN_IN)
        known = self._keys.peek(raw)
        if known is None:
            known = await self._look_up(raw)
        if isinstance(known, Refusal):
            raise AuthenticationFailed(known.message, code=known.code)
        if isinstance(known, MayNotSend):
            await self._tell_of(known, scope, headers)
            # Made afresh: a raised exception keeps the frames it passed.
            raise PermissionDenied(known.detail)
        return known

    async def _tell_of(self, known: MayNotSend, scope: Message, headers: Headers) -> None:
        """Have the audit log know of it, once an hour: what is refused all the time costs no statement."""
        reason = str(known.detail)
        if known.get_codes() in BEYOND_REACH and not is_denial_known(known.actor, reason):
            visit = visit_in_front(scope, headers)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._look_ups, keep_denied, known.actor, reason, visit)

    async def _look_up(self, raw: str) -> Sender | MayNotSend | Refusal:
        if self._looking_up >= MAX_LOOK_UPS:
            raise ServerBusy
        self._looking_up += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._look_ups, look_up_steadily, self._keys, raw)
        finally:
            self._looking_up -= 1

    async def _admit(self, limits: Sequence[Limit], logs: int) -> None:
        """Count logs against their limits. Raises QuotaExceeded; nothing is kept then."""
        if not shares.try_take(limits, logs):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._look_ups, lease_steadily, limits, logs)

    async def _keep(self, outcome: Outcome) -> Outcome:
        """Wait for the commit. Raises ServerBusy, or the database's error; nothing was kept then."""
        commits = self._large if len(outcome.entries) > LARGE_SUBMISSION else self._small
        if commits is None:
            raise ServerBusy
        try:
            kept = await commits.submit(outcome.entries)
        except (TooBusy, Stopped):
            raise ServerBusy from None
        return outcome.after(kept)


Keys = KeyCache[Sender | MayNotSend]


def look_up_steadily(keys: Keys, raw: str) -> Sender | MayNotSend | Refusal:
    """Look a key up, on a second connection when the first one is broken."""
    try:
        return keys.look_up(raw)
    except DATABASE_AWAY:
        connection.close()
        return keys.look_up(raw)


def lease_steadily(limits: Sequence[Limit], logs: int) -> None:
    """Lease more, on a second connection when the first one is broken."""
    try:
        shares.take(limits, logs)
    except DATABASE_AWAY:
        connection.close()
        shares.take(limits, logs)


def keep_reports_steadily(reports: Sequence[Report], sender: Sender) -> None:
    """Keep reports, on a second connection when the first one is broken: what was kept is known again."""
    try:
        keep_reports(reports, sender, now=timezone.now())
    except DATABASE_AWAY:
        connection.close()
        keep_reports(reports, sender, now=timezone.now())


def close_connection() -> None:
    """Close this thread's connection: `connection.close` itself would name that of the thread that asks."""
    connection.close()


def refused(door: Door, error: Exception) -> Answer:
    """The error as the door's clients read it, counted."""
    answer = error_answer(error)
    if isinstance(answer.body, bytes):
        raise TypeError("A problem is not encoded yet.")
    count_rejected(str(answer.body["code"]))
    return door.refusal(answer)
