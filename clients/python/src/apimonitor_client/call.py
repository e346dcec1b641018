"""One request as the middleware saw it, untouched: reading it is the sending thread's work."""

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

# Names and values as they came, in bytes or text.
RawHeaders = Iterable[tuple[Any, Any]]
# Only these are read as bodies; a stream of events has no end, and files are not for reading.
TEXT_TYPES = ("json", "text/", "xml", "x-www-form-urlencoded", "graphql", "javascript", "yaml")
STREAM_TYPES = ("text/event-stream", "multipart/")


class Call:
    """What is known so far. The defaults stand on the class, because making one is on the request path."""

    took_s = 0.0
    method = "GET"
    # Scheme, host (or nothing, where a header says it) and path, decoded.
    url: tuple[str, str, str] = ("http", "", "/")
    query = ""
    source: Any = ""
    request_headers: RawHeaders = ()
    request_body: list[bytes] | None = None
    request_size = 0
    request_cut = False
    status: int | None = None
    response_headers: RawHeaders = ()
    response_body: list[bytes] | None = None
    response_size = 0
    response_cut = False
    # Fills in the rest, in the sending thread.
    complete: Callable[["Call"], None] | None = None
    route: Callable[[], str] | None = None
    error: BaseException | None = None
    consumer = ""
    tags: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.started_at = time.time()
        self.began = time.perf_counter()

    @property
    def failed(self) -> bool:
        return self.error is not None or (self.status is not None and self.status >= 500)

    def finish(self) -> None:
        self.took_s = time.perf_counter() - self.began

    def note_request(self, chunk: bytes, most: int) -> None:
        """Keep of the request's body what fits into `most` bytes."""
        if self.request_size + len(chunk) > most:
            chunk = chunk[: most - self.request_size]
            self.request_cut = True
        if self.request_body is None:
            self.request_body = [chunk]
        else:
            self.request_body.append(chunk)
        self.request_size += len(chunk)

    def note_response(self, chunk: bytes, most: int) -> None:
        """Keep of the answer's body what fits into `most` bytes."""
        if self.response_size + len(chunk) > most:
            chunk = chunk[: most - self.response_size]
            self.response_cut = True
        if self.response_body is None:
            self.response_body = [chunk]
        else:
            self.response_body.append(chunk)
        self.response_size += len(chunk)


@lru_cache(1024)
def is_text(content_type: str | bytes) -> bool:
    """Whether a body of this type is text that ends."""
    kind = (content_type.decode("latin-1") if isinstance(content_type, bytes) else content_type).lower()
    return any(each in kind for each in TEXT_TYPES) and not any(each in kind for each in STREAM_TYPES)
