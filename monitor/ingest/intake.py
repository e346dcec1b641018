"""Reads bodies for the lane, and bounds how much of them this process holds at once."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from monitor.api.body import BodyTooLarge
from monitor.api.errors import RequestTimedOut, ServerBusy
from monitor.front.requests import BODY_S
from monitor.lib.asgi import Disconnected, Receive

# Bodies of one process between their first byte and their commit. Decoded, masked and waiting logs grow with
# them, to a few times as much.
MAX_HELD_BYTES = 64 * 1024 * 1024


class Room:
    """How many bytes are held, in claims that begin and end with a request. For one event loop."""

    def __init__(self, most_bytes: int = MAX_HELD_BYTES) -> None:
        self._free = most_bytes

    @contextmanager
    def claim(self) -> Iterator["Claim"]:
        claim = Claim(self)
        try:
            yield claim
        finally:
            self._free += claim.size_bytes

    def take(self, size_bytes: int) -> None:
        """Raises ServerBusy when there is no room for them."""
        if size_bytes > self._free:
            raise ServerBusy
        self._free -= size_bytes


class Claim:
    """What one request holds."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size_bytes = 0

    def grow(self, size_bytes: int) -> None:
        """Raises ServerBusy when there is no room for as many more."""
        self._room.take(size_bytes)
        self.size_bytes += size_bytes


async def read_whole(
    receive: Receive, headers: Mapping[str, str], claim: Claim, *, limit_bytes: int, within_s: float = BODY_S
) -> bytes:
    """The whole body. Raises Disconnected, BodyTooLarge as soon as it is known to be, ServerBusy when the
    process holds enough, and RequestTimedOut."""
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise BodyTooLarge.than(limit_bytes)
    body, more = await read_chunk(receive, claim, limit_bytes=limit_bytes)
    if not more:
        return body
    chunks = [body]
    try:
        async with asyncio.timeout(within_s):
            while more:
                chunk, more = await read_chunk(receive, claim, limit_bytes=limit_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise RequestTimedOut from None
    return b"".join(chunks)


async def read_chunk(receive: Receive, claim: Claim, *, limit_bytes: int) -> tuple[bytes, bool]:
    """The next bytes, and whether there are more."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    chunk: bytes = message.get("body", b"")
    if claim.size_bytes + len(chunk) > limit_bytes:
        raise BodyTooLarge.than(limit_bytes)
    claim.grow(len(chunk))
    return chunk, bool(message.get("more_body", False))
