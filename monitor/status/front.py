"""Status pages that this process holds ready, answered by the event loop: no thread, no query."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from monitor.status.answers import Answer
from monitor.status.cache import CACHE, AnswerCache

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class StatusFront:
    """Answers what is fresh, and leaves all else, the making of pages too, to the application behind it."""

    def __init__(self, behind: Application, *, cache: AnswerCache = CACHE) -> None:
        self.behind = behind
        self._cache = cache

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        answer = self._known(scope) if scope["type"] == "http" else None
        if answer is None:
            await self.behind(scope, receive, send)
            return
        await respond(scope, send, answer)

    def _known(self, scope: Message) -> Answer | None:
        if scope["method"] not in ("GET", "HEAD") or (settings.HTTPS and not is_secure(scope)):
            return None
        # By Host and path together: what is kept under a Host was judged when it was made.
        return self._cache.fresh((header_of(scope, b"host"), scope["path"]), hands_on=True)


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
