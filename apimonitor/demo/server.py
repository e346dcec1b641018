"""The shop as a web server that reports each call after it has answered it."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from apimonitor.demo.shop import Answer, Shop, decode

Report = Callable[[dict[str, Any]], None]


class ShopServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, *, shop: Shop, environment: str, report: Report) -> None:
        super().__init__(("127.0.0.1", port), ShopHandler)
        self.shop, self.environment, self.report = shop, environment, report

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class ShopHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "DemoShop/1.0"
    sys_version = ""
    # Headers and body leave in two writes; without this the client waits 40 ms for the second.
    disable_nagle_algorithm = True
    server: ShopServer

    def do_GET(self) -> None:
        self.respond()

    def do_POST(self) -> None:
        self.respond()

    def respond(self) -> None:
        began_at, began = datetime.now(UTC), time.perf_counter()
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        request_body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.shop.answer(
            self.command, parts.path, query=query, headers=headers, body=decode(request_body)
        )
        time.sleep(answer.work_ms / 1000)
        response_body = json.dumps(answer.body).encode()
        response_headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(response_body)),
            **answer.headers,
        }
        self.send_response(answer.status)
        for name, value in response_headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response_body)
        if not answer.is_reported:
            return
        self.server.report(
            {
                "event_id": str(uuid4()),
                "timestamp": began_at.isoformat(),
                "latency_ms": round((time.perf_counter() - began) * 1000, 3),
                "method": self.command,
                "url": f"{self.server.url}{self.path}",
                "path": parts.path,
                "query_params": query,
                "request_headers": dict(self.headers.items()),
                "request_body": request_body.decode(errors="replace"),
                "response_headers": response_headers,
                "response_body": response_body.decode(),
                "source_ip": self.client_address[0],
                "environment": self.server.environment,
                **self.described(answer),
            }
        )

    def described(self, answer: Answer) -> dict[str, Any]:
        """The parts of the report that are left out when there is nothing to say."""
        known = {
            "status_code": answer.status,
            "route": answer.route,
            "error": answer.error,
            "tags": list(answer.tags),
            "consumer": self.headers.get("X-Customer"),
            # traceparent: version-trace_id-span_id-flags
            "trace_id": (self.headers.get("traceparent") or "--").split("-")[1],
        }
        return {name: value for name, value in known.items() if value}

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: API Monitor is the log."""
