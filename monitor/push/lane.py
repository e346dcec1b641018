"""Pings as a bare ASGI application in front of Django: the same dialects, commits shared by many.

It takes well-formed pings by token. Slugs, other methods, other hosts and all that is wrong with an address
go to the views behind it, which say so.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict
from django.utils import timezone
from rest_framework.exceptions import ParseError

from monitor.api.errors import ServerBusy
from monitor.front.answers import Answer, error_answer, respond
from monitor.front.requests import BODY_S, caller_of, is_secure, log_line, require_host
from monitor.front.standing import standing_headers
from monitor.lib.asgi import Application, Disconnected, Headers, Message, Receive, Send, headers_of
from monitor.lib.counting import count_request, face_of
from monitor.lib.requestids import new_request_id, remember_request_id
from monitor.push.commits import Busy, PingCommits
from monitor.push.dialects import Asked, Dialect, Reply, place_of
from monitor.push.keys import token_from
from monitor.push.pings import BODY_LIMIT, Incoming

METHODS = frozenset({"GET", "HEAD", "POST"})


class PingLane:
    """Answers pings itself, and leaves the rest to the application behind it."""

    def __init__(self, behind: Application, *, make_commits: Callable[[], PingCommits] = PingCommits) -> None:
        self.behind = behind
        self._make_commits = make_commits
        self._commits: PingCommits | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        found = None
        if scope["type"] == "http" and self._commits is not None and scope["method"] in METHODS:
            found = place_of(scope["path"])
        if found is None:
            await self.behind(scope, receive, send)
            return
        dialect, token, action = found
        headers, started = headers_of(scope), time.perf_counter()
        incoming = read(scope, headers, dialect, action)
        if incoming is None:
            await self.behind(scope, receive, send)
            return
        request_id = new_request_id()
        remember_request_id(request_id)
        try:
            answer = await self._answer(dialect, token, incoming, scope, receive)
        except Disconnected:
            return
        except Exception as error:  # the client is owed an answer, whatever it was
            answer = error_answer(error)
        if scope["method"] == "HEAD":
            answer = replace(answer, body=b"")
        await respond(send, answer, request_id, standing_headers(secure=is_secure(scope, headers)))
        seconds = time.perf_counter() - started
        count_request(face_of(scope["method"], scope["path"]), seconds)
        if answer.status >= 400:
            log_line(scope, headers, status=answer.status, seconds=seconds)

    async def _live(self, scope: Message, receive: Receive, send: Send) -> None:
        """The server's own start and stop, which those behind hear of too. What was taken is finished."""

        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._commits = self._make_commits()
            elif message["type"] == "lifespan.shutdown.complete" and self._commits is not None:
                commits, self._commits = self._commits, None
                await asyncio.to_thread(commits.stop)
            await send(message)

        await self.behind(scope, receive, sending)

    async def _answer(
        self, dialect: Dialect, token: str, incoming: Incoming, scope: Message, receive: Receive
    ) -> Answer:
        body = "" if scope["method"] in ("GET", "HEAD") else await body_of(receive)
        if self._commits is None:
            raise ServerBusy
        try:
            taken = await self._commits.submit(
                token_from(token),
                replace(incoming, body=body),
                at=timezone.now(),
                refuses_paused=dialect.paused is not None,
            )
        except Busy:
            raise ServerBusy from None
        return answer_of(dialect.reply_to(taken))


def read(scope: Message, headers: Headers, dialect: Dialect, action: str) -> Incoming | None:
    """The ping without its body; None for what the views are to answer."""
    try:
        require_host(scope, headers)
        fields = QueryDict(scope["query_string"])
    except (ParseError, TooManyFieldsSent):
        return None
    asked = Asked(
        method=scope["method"],
        query={name: fields[name] for name in fields},
        source_ip=caller_of(scope, headers),
    )
    incoming = dialect.read(asked, action)
    return None if isinstance(incoming, Reply) else incoming


async def body_of(receive: Receive) -> str:
    """As much of the body as is kept; the rest is never read. Raises Disconnected."""
    body = b""
    try:
        async with asyncio.timeout(BODY_S):
            while len(body) < BODY_LIMIT:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Disconnected from None
    return body[:BODY_LIMIT].decode(errors="replace")


def answer_of(reply: Reply) -> Answer:
    return Answer(
        status=reply.status, body=reply.body, content_type=reply.content_type, headers=dict(reply.headers)
    )
