"""Server-sent events, as a client reads them: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from collections.abc import Mapping

import msgspec

encode = msgspec.json.Encoder().encode
# A client that lost its connection comes back after so many milliseconds.
RETRY = b"retry: 2000\n\n"


def event(name: str, data: Mapping[str, object], *, place: object = None) -> bytes:
    """One event. `place` is what the client sends back as Last-Event-ID. JSON holds no line break."""
    where = f"id: {place}\n".encode() if place is not None else b""
    return where + f"event: {name}\n".encode() + b"data: " + encode(data) + b"\n\n"


def heartbeat(*, place: object, is_current: bool) -> bytes:
    """A comment for proxies, and an event for pages, which see no comments. It moves the place on: a
    reader of something rare could otherwise not resume."""
    return b": heartbeat\n" + event("beat", {"current": is_current}, place=place)
