"""The headers that Django's middlewares put on every answer, learnt from them."""

from functools import lru_cache

from corsheaders.middleware import CorsMiddleware
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

MIDDLEWARES = (SecurityMiddleware, CSPMiddleware, XFrameOptionsMiddleware)


class _Request(HttpRequest):
    def __init__(self, scheme: str) -> None:
        super().__init__()
        self.path = self.path_info = "/v1/logs"
        self._scheme = scheme

    def _get_scheme(self) -> str:
        return self._scheme


def cors_headers(*, origin: str | None, method: str, path: str) -> list[tuple[bytes, bytes]]:
    """What a browser wants to hear that calls from a page elsewhere; nothing for other callers."""
    if not origin:
        return []
    request, response = _Request("http"), HttpResponse()
    request.method, request.path_info = method, path
    request.META["HTTP_ORIGIN"] = origin
    del response["Content-Type"]
    CorsMiddleware(lambda _: response).add_response_headers(request, response)
    return [(name.lower().encode(), value.encode()) for name, value in response.items()]


@lru_cache(maxsize=2)
def standing_headers(*, secure: bool) -> list[tuple[bytes, bytes]]:
    """Names in lower case and values, as ASGI wants them: so the lane says what the views say."""
    request = _Request("https" if secure else "http")
    response = HttpResponse()
    del response["Content-Type"]
    for middleware in MIDDLEWARES:
        middleware(lambda _: response).process_response(request, response)
    return [(name.lower().encode(), value.encode()) for name, value in response.items()]
