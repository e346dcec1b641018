"""Open-loop load: requests leave at fixed moments, whether or not earlier ones were answered.

A closed loop sends nothing while it waits, and so never sees the requests that a pause would have delayed
("coordinated omission"). Here a latency begins at the moment the request was due.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import uvloop

TICK_S = 0.001
# What is still unanswered this long after the last request was due counts as lost.
PATIENCE_S = 30.0
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(kw_only=True)
class Outcome:
    latencies_ms: list[float] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    """The numbers of the requests that were answered with 201."""
    refused: int = 0
    unanswered: int = 0


class Line(asyncio.Protocol):
    """One kept-alive connection with at most one request under way."""

    def __init__(self, schedule: "Schedule") -> None:
        self._schedule = schedule
        self._received = b""
        self._number = -1
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast(asyncio.Transport, transport)

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    def send(self, number: int, due: float) -> None:
        self._number, self._due, self._received = number, due, b""
        self._transport.write(self._schedule.request(number))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if end and length and len(body) >= int(length[1]):
            self._schedule.answered(self, self._number, self._due, int(head[9:12]))


class Schedule:
    """Sends numbered bodies to one address at a fixed rate."""

    def __init__(self, url: str, *, key: str, bodies: Sequence[tuple[bytes, bytes]]) -> None:
        """Each body is what stands before and behind the 32 digits that name the request."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._bodies = bodies
        self._idle: deque[Line] = deque()
        self._late: deque[tuple[int, float]] = deque()
        self.outcome = Outcome()

    def run(self, *, rate: float, seconds: float, connections: int = 64) -> Outcome:
        uvloop.run(self._run(rate=rate, total=int(rate * seconds), connections=connections))
        return self.outcome

    def request(self, number: int) -> bytes:
        before, behind = self._bodies[number % len(self._bodies)]
        body = before + name_of(number).encode() + behind
        return self._head + str(len(body)).encode() + b"\r\n\r\n" + body

    def answered(self, line: Line, number: int, due: float, status: int) -> None:
        self.outcome.latencies_ms.append((time.perf_counter() - due) * 1000)
        if status == 201:
            self.outcome.accepted.append(number)
        else:
            self.outcome.refused += 1
        if self._late:
            line.send(*self._late.popleft())
        else:
            self._idle.append(line)

    async def _run(self, *, rate: float, total: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, line = await loop.create_connection(lambda: Line(self), self._host, self._port)
            self._idle.append(line)
        began = time.perf_counter() + 0.05
        for number in range(total):
            due = began + number / rate
            while time.perf_counter() < due:
                await asyncio.sleep(TICK_S)
            # In turns, and without those that the server has closed: it lets go of lines that stand idle.
            while self._idle and not self._idle[0].is_open:
                self._idle.popleft()
            if self._idle:
                self._idle.popleft().send(number, due)
            else:
                self._late.append((number, due))
        until = time.perf_counter() + PATIENCE_S
        while len(self.outcome.latencies_ms) < total and time.perf_counter() < until:
            await asyncio.sleep(TICK_S)
        self.outcome.unanswered = total - len(self.outcome.latencies_ms)


def name_of(number: int) -> str:
    """The request's trace id, by which its row is found again."""
    return f"{number:032x}"
