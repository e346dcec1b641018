"""WSGI: Flask, and any other application. Its answer is handed on piece by piece, as it is made."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from apimonitor_client.call import Call, is_text
from apimonitor_client.context import current
from apimonitor_client.flask import ERROR, remember_errors
from apimonitor_client.reporter import reporter_for

logger = logging.getLogger("apimonitor_client")
Environ = dict[str, Any]
App = Callable[..., Iterable[bytes]]


class WsgiMonitor:
    """Reports each request of the application, when its answer was sent."""

    def __init__(self, app: App, **options: Any) -> None:
        self.app = app
        self.reporter = reporter_for(options)
        self._on = self.reporter.options.is_complete
        remember_errors(app)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not self._on:
            return self.app(environ, start_response)
        watch = Watch(self, environ, start_response)
        current.set(watch.call)
        try:
            answer = self.app(environ, watch.start_response)
        except Exception as error:
            watch.fail(error)
            raise
        if type(answer).__name__ == "FileWrapper" or not watch.follows(answer):
            # The server sends files by itself, when it gets them as they are.
            watch.end()
            return answer
        return Answer(answer, watch)


class Watch:
    __slots__ = ("_environ", "_most_out", "_over", "_start", "call", "monitor")

    def __init__(self, monitor: WsgiMonitor, environ: Environ, start_response: Callable[..., Any]) -> None:
        self.monitor, self._environ, self._start = monitor, environ, start_response
        self._most_out, self._over = 0, False
        self.call = call = Call()
        options = monitor.reporter.options
        if options.request_bodies and is_text(environ.get("CONTENT_TYPE", "")):
            environ["wsgi.input"] = Input(environ["wsgi.input"], call, options.max_body_bytes)

    def follows(self, answer: object) -> bool:
        wrapper = self._environ.get("wsgi.file_wrapper")
        return not (isinstance(wrapper, type) and isinstance(answer, wrapper))

    def start_response(self, status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        write = self._start(status, headers, *more)
        try:
            self.call.status = int(status[:3])
            self.call.response_headers = headers
            # Flask's request, which knows the rule that matched; it is gone when the answer is.
            rule = getattr(self._environ.get("werkzeug.request"), "url_rule", None)
            if rule is not None:
                self.call.route = lambda: str(rule.rule)
            if more and more[0]:
                self.call.error = more[0][1]
            options = self.monitor.reporter.options
            for name, value in headers if options.response_bodies else ():
                if name.lower() == "content-type" and is_text(value):
                    self._most_out = options.max_body_bytes
        except Exception:
            logger.debug("An answer could not be read", exc_info=True)
        return write

    def note(self, chunk: bytes) -> None:
        if self._most_out:
            self.call.note_response(chunk, self._most_out)

    def fail(self, error: BaseException) -> None:
        self.call.error = error
        if self.call.status is None:
            self.call.status = 500
        self.end()

    def end(self) -> None:
        if self._over:
            return
        self._over = True
        current.set(None)
        try:
            call, environ = self.call, self._environ
            call.finish()
            # Not the environ itself: it holds the connection, and whatever the application put there.
            texts = {name: value for name, value in environ.items() if value.__class__ is str}
            call.complete = lambda call: complete(call, texts)
            if call.error is None:
                call.error = environ.get(ERROR)
            self.monitor.reporter.take(call)
        except Exception:
            logger.debug("A request could not be reported", exc_info=True)


def complete(call: Call, environ: dict[str, str]) -> None:
    """Read what the environ says of the request."""
    call.method = environ["REQUEST_METHOD"]
    host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
    path = text_in(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
    call.url = (environ.get("wsgi.url_scheme", "http"), host, path)
    call.query = environ.get("QUERY_STRING", "")
    call.source = environ.get("REMOTE_ADDR", "")
    names = {name: name[5:] for name in environ if name.startswith("HTTP_")}
    names |= {name: name for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    call.request_headers = [(short.replace("_", "-"), environ[name]) for name, short in names.items()]


def text_in(native: str) -> str:
    """WSGI spells bytes as Latin-1."""
    return native.encode("latin-1").decode(errors="replace")


class Answer:
    """The application's answer, piece by piece, and then the report."""

    __slots__ = ("_answer", "_pieces", "_watch")

    def __init__(self, answer: Iterable[bytes], watch: Watch) -> None:
        self._answer, self._watch = answer, watch
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._pieces is None:
            self._pieces = iter(self._answer)
        try:
            chunk = next(self._pieces)
        except StopIteration:
            raise
        except Exception as error:
            self._watch.fail(error)
            raise
        self._watch.note(chunk)
        return chunk

    def close(self) -> None:
        try:
            close = getattr(self._answer, "close", None)
            if close is not None:
                close()
        finally:
            self._watch.end()


class Input:
    """The request's body as the application reads it."""

    def __init__(self, source: Any, call: Call, most: int) -> None:
        self._source, self._call, self._most = source, call, most

    def _noted(self, chunk: bytes) -> bytes:
        if chunk:
            self._call.note_request(chunk, self._most)
        return chunk

    def read(self, *size: Any) -> bytes:
        return self._noted(self._source.read(*size))

    def readline(self, *size: Any) -> bytes:
        return self._noted(self._source.readline(*size))

    def readlines(self, *hint: Any) -> list[bytes]:
        return [self._noted(line) for line in self._source.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        return (self._noted(line) for line in self._source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)
