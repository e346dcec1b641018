"""The same application, which tells OpenTelemetry who calls."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi_plain import app
from opentelemetry import trace

__all__ = ["app"]


@app.middleware("http")
async def identify(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    if name := request.headers.get("x-consumer"):
        trace.get_current_span().set_attribute("user.id", name)
    return await go_on(request)
