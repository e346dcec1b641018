"""A line between a client and the monitor that breaks at the worst moment."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR

import httpx

# Of a connection and not of a request; httpx writes its own.
OF_THE_LINE = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "expect"}
SECONDS = 60


@dataclass(kw_only=True)
class Line:
    """`passed` has the path and the status of each request that the monitor answered."""

    address: str
    passed: list[tuple[str, int]] = field(default_factory=list)

    @property
    def statuses(self) -> set[int]:
        return {status for _, status in self.passed}

    def times(self) -> Counter[str]:
        """How often each path was asked, by the last part of it."""
        return Counter(path.rpartition("/")[2] for path, _ in self.passed)


@contextmanager
def a_broken_line(target: str) -> Iterator[Line]:
    """A relay that breaks the first connection to each path after the request went through, before the answer
    comes back: the monitor has kept what the client must think is lost."""

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self.sized()
            headers = {name: text for name, text in self.headers.items() if name.lower() not in OF_THE_LINE}
            answer = httpx.post(target + self.path, content=body, headers=headers, timeout=SECONDS)
            path = self.path.partition("?")[0]
            with lock:
                is_first = path not in dict(line.passed)
                line.passed.append((path, answer.status_code))
            self.close_connection = True
            if is_first:
                self.connection.shutdown(SHUT_RDWR)
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(answer.content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.content)

        def sized(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def chunks(self) -> Iterator[bytes]:
            """Passed on as they came: chunked, which the monitor must understand."""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def log_message(self, *arguments: object) -> None:
            pass

    lock = threading.Lock()
    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        line = Line(address=f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever).start()
        try:
            yield line
        finally:
            server.shutdown()
