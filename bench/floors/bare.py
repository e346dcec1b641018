"""A bare ASGI callable that decodes a log and groups logs into COPY: the same tables, columns and packing as
ours, and no key, masking, naming, rollups or rules. What our fast lane could reach at the very most."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import django
import msgspec
from uuid_utils.compat import uuid7

# The pipeline's modules are importable only then; not one request goes through Django.
django.setup()

from bench.floors.copying import Copier, Row  # noqa: E402
from monitor.ingest.decode import LogItem  # noqa: E402
from monitor.lib import payload  # noqa: E402
from monitor.lib.span_ids import span_number  # noqa: E402

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
SERVICE = UUID(os.environ.get("BENCH_SERVICE", "018f1e2d-3c4b-7a59-8877-665544332211"))
ENDPOINT = UUID(os.environ.get("BENCH_ENDPOINT", "018f1e2d-3c4b-7a59-8877-665544332211"))

decode = msgspec.json.Decoder(LogItem).decode
HEAVY = ("query_params", "request_headers", "request_body", "response_headers", "response_body")


class Grouping:
    """One thread that writes what waits, in one transaction after the other."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Row, Row, asyncio.Event]] = deque()
        self._something = threading.Semaphore(0)
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    async def keep(self, row: Row, packed: Row) -> None:
        kept = asyncio.Event()
        self._waiting.append((row, packed, kept))
        self._something.release()
        await kept.wait()

    def _run(self) -> None:
        copier = Copier(os.environ["DATABASE_URL"])
        while True:
            self._something.acquire()
            group = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if group:
                copier.keep([row for row, _, _ in group], [packed for _, packed, _ in group])
                self._loop.call_soon_threadsafe(tell, [kept for _, _, kept in group])


def tell(waiting: list[asyncio.Event]) -> None:
    for kept in waiting:
        kept.set()


def rows_of(item: LogItem) -> tuple[Row, Row]:
    now = datetime.now(UTC)
    id_ = uuid7()
    heavy = {name: value for name in HEAVY if (value := getattr(item, name)) is not None}
    row = (
        *(id_, SERVICE, ENDPOINT, None, "live", item.environment or "", item.method, item.url, item.path),
        *(item.status_code, item.latency_ms, item.error, item.tags or []),
        *(ip_address(item.source_ip) if item.source_ip else None, item.trace_id or ""),
        span_number(item.span_id),
        *(len(item.request_body or ""), len(item.response_body or ""), now, now),
    )
    return row, (id_, payload.pack(heavy))


class Application:
    def __init__(self) -> None:
        self._grouping: Grouping | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._grouping is None:
            raise RuntimeError("The server has not said that it starts.")
        status, answer = 200, b"{}"
        if scope["method"] == "POST":
            body = b""
            while True:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
            row, packed = rows_of(decode(body))
            await self._grouping.keep(row, packed)
            status, answer = 201, b'{"id":"%s"}' % str(row[0]).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._grouping = Grouping()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


application = Application()
