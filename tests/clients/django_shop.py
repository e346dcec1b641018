"""A Django project in one file, with the client's two settings."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path, re_path

from apimonitor_client import FlushAtStop, add_tags, set_consumer

SECRET_KEY = "for-tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
USE_TZ = True
LOGGING_CONFIG = None
MIDDLEWARE = ["apimonitor_client.django.Monitor", "django.middleware.common.CommonMiddleware"]
APIMONITOR = {"exclude": ["/health"], "tags": ["shop"], "flush_s": 0.1, "max_retry_s": 0.5}


def create(request: Any) -> Any:
    set_consumer("acme")
    add_tags("checkout")
    body = json.loads(request.body)
    return JsonResponse({"id": 7, "token": "tok-secret-2", "got": body["items"]}, status=201)


def show(request: Any, order_id: str) -> Any:
    set_consumer("globex")
    return JsonResponse({"id": int(order_id)})


def boom(request: Any) -> None:
    raise ValueError("boom with password=hunter2")


def stream(request: Any) -> Any:
    def events() -> Iterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"
            time.sleep(0.3)

    async def later() -> AsyncIterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.3)

    under_asgi = hasattr(request, "scope")
    return StreamingHttpResponse(later() if under_asgi else events(), content_type="text/event-stream")


def health(request: Any) -> Any:
    return JsonResponse({"ok": True})


urlpatterns = [
    path("orders", create),
    re_path(r"^orders/(?P<order_id>[0-9]{1,6})$", show),
    path("boom", boom),
    path("stream", stream),
    path("health", health),
]


def wsgi(environ: Any, start_response: Any) -> Any:
    return _application("wsgi")(environ, start_response)


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    await _application("asgi")(scope, receive, send)


_made: dict[str, Any] = {}


def _application(kind: str) -> Any:
    """Made late: this module is the settings, too, which must be whole before Django reads them."""
    if kind not in _made:
        _made[kind] = get_wsgi_application() if kind == "wsgi" else FlushAtStop(get_asgi_application())
    return _made[kind]
