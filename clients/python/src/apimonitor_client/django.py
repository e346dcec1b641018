"""Django, under WSGI and ASGI: a middleware to put first in MIDDLEWARE, set up by the setting APIMONITOR.

A middleware of Django's and not one around its handler, because only here the route, and an exception that
Django answers, are known.
"""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings

from apimonitor_client.call import Call, is_text
from apimonitor_client.context import current
from apimonitor_client.reporter import Reporter, reporter_for

logger = logging.getLogger("apimonitor_client")
# A regular expression's group, with groups inside it one level deep.
_NAMED_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")


class Monitor:
    """Reports each request; one that is answered by a stream, when the stream ends."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self.reporter = reporter_for(dict(getattr(settings, "APIMONITOR", {})))
        self._on = self.reporter.options.is_complete
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        if self._is_async:
            return self._answer_later(request)
        if not self._on:
            return self.get_response(request)
        call = self._begin(request)
        token = current.set(call)
        try:
            response = self.get_response(request)
        finally:
            current.reset(token)
        self._end(request, response, call)
        return response

    async def _answer_later(self, request: Any) -> Any:
        if not self._on:
            return await self.get_response(request)
        call = self._begin(request)
        token = current.set(call)
        try:
            response = await self.get_response(request)
        finally:
            current.reset(token)
        self._end(request, response, call)
        return response

    def process_exception(self, request: Any, exception: Exception) -> None:
        """Remembers what a view raised. Django goes on as if this were not here."""
        call = getattr(request, "apimonitor_call", None)
        if call is not None:
            call.error = exception

    def _begin(self, request: Any) -> Call:
        call = Call()
        try:
            request.apimonitor_call = call
            call.method = request.method
            options = self.reporter.options
            length = request.META.get("CONTENT_LENGTH") or ""
            # A small text is read here, and Django hands it to the view all the same. What is large, a file,
            # or of unknown length is left for the view to stream.
            if (
                options.request_bodies
                and length.isdigit()
                and 0 < int(length) <= options.max_body_bytes
                and is_text(request.META.get("CONTENT_TYPE") or "")
            ):
                call.note_request(request.body, options.max_body_bytes)
        except Exception:
            logger.debug("A request could not be read", exc_info=True)
        return call

    def _end(self, request: Any, response: Any, call: Call) -> None:
        try:
            call.status = response.status_code
            if call.status < 500:
                # Http404 and PermissionDenied are raised, and are answers.
                call.error = None
            call.response_headers = [*response.items(), *cookies_of(response)]
            note_request(call, request)
            options = self.reporter.options
            if getattr(response, "streaming", False):
                follow_stream(response, call, self.reporter)
                return
            if options.response_bodies and is_text(response.get("Content-Type", "")):
                call.note_response(response.content, options.max_body_bytes)
            call.finish()
            self.reporter.take(call)
        except Exception:
            logger.debug("A request could not be reported", exc_info=True)


def note_request(call: Call, request: Any) -> None:
    call.url = (
        request.scheme,
        request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", ""),
        request.path,
    )
    call.query = request.META.get("QUERY_STRING", "")
    call.source = request.META.get("REMOTE_ADDR", "")
    call.request_headers = request.headers.items()
    match = getattr(request, "resolver_match", None)
    if match is not None:
        call.route = lambda: template_of(match.route)


def cookies_of(response: Any) -> list[tuple[str, str]]:
    return [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]


def template_of(route: str) -> str:
    """`orders/<int:id>/` as it is; of a regular expression the names of its groups: `orders/<id>/`."""
    plain = _NAMED_GROUP.sub(r"<\1>", route.removeprefix("^").removesuffix("$"))
    return "/" + plain.replace("\\Z", "").lstrip("/")


def follow_stream(response: Any, call: Call, reporter: Reporter) -> None:
    """Hand the stream on piece by piece, and report when it ends or is closed."""
    options = reporter.options
    most = (
        options.max_body_bytes if options.response_bodies and is_text(response.get("Content-Type", "")) else 0
    )
    if response.is_async:
        response.streaming_content = AsyncPieces(response.streaming_content, call, reporter, most)
    else:
        response.streaming_content = Pieces(response.streaming_content, call, reporter, most)


class _Following:
    def __init__(self, pieces: Any, call: Call, reporter: Reporter, most: int) -> None:
        self._pieces, self._call, self._reporter, self._most = pieces, call, reporter, most
        self._over = False

    def _note(self, chunk: Any) -> None:
        if self._most and isinstance(chunk, bytes):
            self._call.note_response(chunk, self._most)

    def _end(self, error: BaseException | None = None) -> None:
        if not self._over:
            self._over = True
            self._call.error = error
            self._call.finish()
            self._reporter.take(self._call)

    def close(self) -> None:
        self._end()


class Pieces(_Following):
    """Django calls `close` when the connection is over, also in the middle."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self._pieces)
        except StopIteration:
            self._end()
            raise
        except Exception as error:
            self._end(error)
            raise
        self._note(chunk)
        return chunk


class AsyncPieces(_Following):
    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return self._next()

    async def _next(self) -> Any:
        try:
            chunk = await self._pieces.__anext__()
        except StopAsyncIteration:
            self._end()
            raise
        except Exception as error:
            self._end(error)
            raise
        self._note(chunk)
        return chunk
