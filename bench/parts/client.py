"""What the Python client adds to a request of the application it watches: on the request path, and of the
processor.

The applications are called in this process, without a server: a server's own noise is larger than what is
measured. The client's thread sends to the product all the while, at the pace of a busy application.
"""

import asyncio
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bench import Bench
from bench.figures import Check, Result, Table, median, percentile, spread

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python" / "src"))

from apimonitor_client import AsgiMonitor, WsgiMonitor, flush

TARGET_US = 50.0
# A request every so often, as a process of a busy application has them; without a pause one would measure how
# the client's thread and the application's share one interpreter when both never rest.
PAUSE_S = 0.001
BODY = b'{"items": [1, 2, 3], "note": "' + b"x" * 400 + b'", "password": "hunter2"}'
ANSWER = b'{"id": 1017, "state": "' + b"y" * 600 + b'"}'
HEADERS = [
    (b"host", b"shop.example"),
    (b"content-type", b"application/json"),
    (b"authorization", b"Bearer 0123456789abcdef"),
    (b"user-agent", b"bench/1.0"),
    (b"accept", b"application/json"),
]


@dataclass(frozen=True, kw_only=True)
class Round:
    """Microseconds of each request, with and without; they take turns, so both meet the same machine."""

    plain: list[float]
    watched: list[float]

    def added(self, rank: float) -> float:
        return percentile(self.watched, rank) - percentile(self.plain, rank)


def measure(bench: Bench) -> Result:
    result = Result(part="client")
    rows: list[list[str]] = []
    with bench.product() as address, tempfile.TemporaryDirectory() as spool:
        options = {"url": address, "key": bench.key(), "spool_dir": spool}
        for told, run in (("ASGI", asgi_round), ("WSGI", wsgi_round)):
            rounds: list[Round] = []
            for number in bench.rounds_with_warming():
                done = run(options, bench.options.seconds)
                if number:
                    rounds.append(done)
            rows.append(row(told, rounds))
            added = [each.added(50) for each in rounds]
            result.checks.append(
                Check(
                    what=f"the Python client on the request path, {told}, p50",
                    target=f"under {TARGET_US:.0f} us",
                    reached=spread(added, digits=1, unit=" us"),
                    met=median(added) < TARGET_US,
                )
            )
        flush(10)
        reporter = AsgiMonitor(bare_asgi, **options).reporter
    result.tables.append(
        Table(
            title="Microseconds of a request with two small JSON bodies, by how the application is called",
            columns=["", "p50 without", "p50 with", "added p50", "added p95", "added p99"],
            rows=rows,
            note=f"{reporter.kept:,} requests reached the product, {reporter.lost} were lost. Each way "
            f"takes every second request, with a pause of {PAUSE_S * 1000:.0f} ms between two.",
        )
    )
    return result


def row(told: str, rounds: list[Round]) -> list[str]:
    columns = [
        [percentile(each.plain, 50) for each in rounds],
        [percentile(each.watched, 50) for each in rounds],
    ]
    columns += [[each.added(rank) for each in rounds] for rank in (50, 95, 99)]
    return [told, *(spread(each, digits=1) for each in columns)]


# --- ASGI --------------------------------------------------------------------------------------------------


async def bare_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Reads its body and answers: the least that an application does."""
    while (await receive()).get("more_body"):
        pass
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": ANSWER})


def asgi_round(options: dict[str, Any], seconds: float) -> Round:
    return asyncio.run(asgi_requests(bare_asgi, AsgiMonitor(bare_asgi, **options), seconds))


async def asgi_requests(plain: Any, watched: Any, seconds: float) -> Round:
    taken: tuple[list[float], list[float]] = ([], [])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for application, times in zip((plain, watched), taken, strict=True):
            began = time.perf_counter()
            await application(scope(), receive, send)
            times.append((time.perf_counter() - began) * 1e6)
            await asyncio.sleep(PAUSE_S)
    return Round(plain=taken[0], watched=taken[1])


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/orders/1017",
        "query_string": b"page=2",
        "root_path": "",
        "headers": HEADERS,
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 80),
    }


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": BODY, "more_body": False}


async def send(message: Any) -> None:
    """What a server does with it is the same either way."""


# --- WSGI --------------------------------------------------------------------------------------------------


def bare_wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [ANSWER]


def wsgi_round(options: dict[str, Any], seconds: float) -> Round:
    ways: tuple[Any, Any] = (bare_wsgi, WsgiMonitor(bare_wsgi, **options))
    taken: tuple[list[float], list[float]] = ([], [])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for application, times in zip(ways, taken, strict=True):
            given = environ()
            began = time.perf_counter()
            answer = application(given, start_response)
            for _ in answer:
                pass
            if hasattr(answer, "close"):
                answer.close()
            times.append((time.perf_counter() - began) * 1e6)
            time.sleep(PAUSE_S)
    return Round(plain=taken[0], watched=taken[1])


def environ() -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/orders/1017",
        "QUERY_STRING": "page=2",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(BODY)),
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "shop.example",
        "HTTP_AUTHORIZATION": "Bearer 0123456789abcdef",
        "HTTP_USER_AGENT": "bench/1.0",
        "HTTP_ACCEPT": "application/json",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(BODY),
    }


def start_response(status: str, headers: Any, *more: Any) -> None:
    """A server's own."""
