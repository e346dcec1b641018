"""A server that remembers what arrived, and requests that are hard to write down."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from monitor.models import RequestLog, Service
from monitor.search.detail import LogDetail

MASKED = "***MASKED***"


@dataclass
class Echo:
    """A server that remembers what arrived."""

    origin: str = ""
    arrived: list[SimpleNamespace] = field(default_factory=list)


@contextmanager
def echoing() -> Iterator[Echo]:
    """Such a server on loopback."""
    echo = Echo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            echo.arrived.append(
                SimpleNamespace(method=self.command, target=self.path, headers=self.headers, body=body)
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_REPORT = answer

        def log_message(self, *arguments: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        echo.origin = f"http://127.0.0.1:{server.server_port}"
        yield echo
        server.shutdown()
        thread.join()


def a_detail(url, *, method="GET", base_url="", **payload):
    log = RequestLog(method=method, url=url, service=Service(base_url=base_url))
    return LogDetail(log=log, error=None, **payload)


BODIES = {
    "json": '{"name": "Ada", "note": "it\'s \\"fine\\""}',
    "single quotes": "it's Bob's 'turn'",
    "only a quote": "'",
    "substitutions": "$HOME `id` $(touch /tmp/never) ${PATH} !! \\$x",
    "lines": "one\ntwo\n\nfour\n",
    "windows lines": "one\r\ntwo\r\n",
    "tabs": "a\tb",
    "a form in parts": '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n100% "ü"\r\n--b--\r\n',
    "a file by name": "@/etc/passwd",
    "backslashes and formats": "100% \\n \\0 %s %% \\\\",
    "unicode": "Grüße, 世界 🎉",
    "nul and escape": "a\x00b\x1b[31mred\x07\x7f",
    "controls with everything": "it's\x00 100% \\n $HOME\r\n-n 'x'\x85\x9f",
    "leading dash and controls": "-e \x01",
    "empty": "",
    "large": "x" * 60_000,
}
