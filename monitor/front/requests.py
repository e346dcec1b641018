"""Requests that Django's own middlewares do not see."""

from functools import lru_cache

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from rest_framework.exceptions import ParseError

from monitor.access.requests import access_log, address_of, shown_path
from monitor.audit import Visit
from monitor.lib.apikeys import hide_client_id
from monitor.lib.asgi import Headers, Message
from monitor.lib.requestids import current_request_id
from monitor.models.audit import Face

# Time for a whole body: a sender that dribbles must not hold its share of the room for ever.
BODY_S = 60.0


def require_host(scope: Message, headers: Headers) -> None:
    """Raises ParseError for a Host that ALLOWED_HOSTS does not name, in the words of Django's own answer."""
    host = headers.get("host") or str((scope.get("server") or [""])[0])
    if not is_allowed(host, tuple(settings.ALLOWED_HOSTS)):
        raise ParseError("The request could not be read.", code="validation_error")


@lru_cache(maxsize=256)
def is_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, list(allowed))


def is_secure(scope: Message, headers: Headers) -> bool:
    """Whether the client spoke https, as Django decides it."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, word = settings.SECURE_PROXY_SSL_HEADER
        said = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower())
        if said is not None:
            return said.split(",")[0].strip() == word
    return bool(scope.get("scheme") == "https")


def caller_of(scope: Message, headers: Headers) -> str | None:
    """The caller's address, past our own proxies."""
    peer = scope.get("client")
    return address_of(headers.get("x-forwarded-for", ""), peer[0] if peer else None)


def log_line(scope: Message, headers: Headers, *, status: int, seconds: float) -> None:
    """The access line, as RequestContextMiddleware writes it: the path alone, without what opens anything."""
    access_log.info(
        "%s %s",
        scope["method"],
        shown_path(scope["path"]),
        extra={
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "client": caller_of(scope, headers),
        },
    )


def visit_in_front(scope: Message, headers: Headers) -> Visit:
    """The request as the audit log tells of it; Django's own middleware does not see it."""
    return Visit(
        face=Face.API,
        method=scope["method"],
        route=hide_client_id(scope["path"]).lstrip("/"),
        ip=caller_of(scope, headers) or "",
        user_agent=headers.get("user-agent", ""),
        request_id=current_request_id(),
    )
