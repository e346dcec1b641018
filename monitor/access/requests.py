"""What every request gets: an id, the caller's address, a line in the log."""

import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from monitor.lib.apikeys import hide_client_id
from monitor.lib.counting import count_request, face_of
from monitor.lib.requestids import remember_request_id, request_id_for

access_log = logging.getLogger("monitor.access")
# Links out of mails open an account, or a subscription, to whoever has them.
_LINK_IN_PATH = re.compile(
    r"^(/(?:invitation|password/reset|account/email|(?:status/[^/]+/)?(?:confirm|unsubscribe))/)[^/]{12,}$"
)


def client_address(request: HttpRequest) -> str | None:
    return address_of(request.headers.get("X-Forwarded-For", ""), request.META.get("REMOTE_ADDR"))


def address_of(forwarded_for: str, peer: str | None) -> str | None:
    """The caller's address: the last hop that none of our own proxies added."""
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    count = settings.TRUSTED_PROXY_COUNT
    if count and hops:
        return hops[-min(count, len(hops))]
    return peer or None


def shown_path(path: str) -> str:
    """The path of a request as logs may show it: without what opens anything."""
    return _LINK_IN_PATH.sub(r"\1…", hide_client_id(path))


class RequestContextMiddleware:
    """Names the request in its answer and in all log lines: as its caller does, or with an id of ours."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_for(request.headers.get("X-Request-Id"))
        remember_request_id(request_id)
        started = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        seconds = time.perf_counter() - started
        count_request(face_of(request.method or "", request.path), seconds)
        # The path alone: query values may hold secrets.
        access_log.info(
            "%s %s",
            request.method,
            shown_path(request.path),
            extra={
                "status": response.status_code,
                "duration_ms": round(seconds * 1000, 1),
                "client": client_address(request),
            },
        )
        return response
