"""Status pages that this process holds ready, answered by the event loop: no thread, no query."""

import asyncio

from django.conf import settings

from monitor.lib.asgi import Application, Message, Receive, Send
from monitor.status.answers import Answer
from monitor.status.cache import CACHE, AnswerCache, Key

# For the new page a reader waits so long. A database that hangs, unlike one that is gone, answers no error.
PATIENCE_S = 3.0


class StatusFront:
    """Answers what is fresh, and leaves all else, the making of pages too, to the application behind it."""

    def __init__(
        self, behind: Application, *, cache: AnswerCache = CACHE, patience_s: float = PATIENCE_S
    ) -> None:
        self.behind = behind
        self._cache = cache
        self._patience_s = patience_s
        # Referred to here, or they might be collected while they run.
        self._renewals: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if (answer := self._known(scope)) is not None:
            await respond(scope, send, answer)
        elif (old := self._last(scope)) is not None:
            await self._renew(scope, receive, send, old)
        else:
            await self.behind(scope, receive, send)

    def _known(self, scope: Message) -> Answer | None:
        return self._cache.fresh(key_of(scope), hands_on=True) if may_be_known(scope) else None

    def _last(self, scope: Message) -> Answer | None:
        return self._cache.last(key_of(scope)) if may_be_known(scope) else None

    async def _renew(self, scope: Message, receive: Receive, send: Send, old: Answer) -> None:
        """The new page; the old one to a reader who would wait too long, while the new one is still made."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        renewal = asyncio.ensure_future(self.behind(scope, receive, keep))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)
        done, _ = await asyncio.wait({renewal}, timeout=self._patience_s)
        if not done:
            await respond(scope, send, old)
            return
        await renewal
        for message in messages:
            await send(message)


def may_be_known(scope: Message) -> bool:
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return is_secure(scope) or not settings.HTTPS


def key_of(scope: Message) -> Key:
    """By Host and path together: what is kept under a Host was judged when it was made."""
    return header_of(scope, b"host"), scope["path"]


def is_secure(scope: Message) -> bool:
    """As Django tells: by our proxy's word where there is one. What is not is left to Django to redirect."""
    if settings.SECURE_PROXY_SSL_HEADER:
        return header_of(scope, b"x-forwarded-proto") == "https"
    return bool(scope.get("scheme") == "https")


def header_of(scope: Message, name: bytes) -> str:
    return next((value.decode("latin-1") for known, value in scope["headers"] if known == name), "")


async def respond(scope: Message, send: Send, answer: Answer) -> None:
    headers = answer.headers()
    is_known = answer.is_known_to(header_of(scope, b"if-none-match"))
    body = b"" if is_known else answer.body_for(header_of(scope, b"accept-encoding"), headers)
    if is_known:
        del headers["Content-Type"]
    else:
        headers["Content-Length"] = str(len(body))
    await send(
        {
            "type": "http.response.start",
            "status": 304 if is_known else 200,
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
