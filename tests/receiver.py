"""A receiver of webhooks on loopback that answers as it is told, and remembers what came."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, kw_only=True)
class Arrived:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """What the official library reads. Raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body.decode(), self.headers)


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    after_s: float = 0.0


@dataclass
class Receiver:
    url: str = ""
    arrived: list[Arrived] = field(default_factory=list)
    reply: Callable[[Arrived], Reply] = field(default=lambda arrived: Reply())
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in self.arrived]

    def replies(self, *replies: Reply) -> None:
        """One after the other; the last one from then on."""
        left = list(replies)
        self.reply = lambda arrived: left.pop(0) if len(left) > 1 else left[0]


@contextlib.contextmanager
def a_receiver(path: str = "") -> Iterator[Receiver]:
    """Takes what is posted to whatever path; its own address ends with this one."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            arrived = Arrived(path=self.path, headers=headers, body=body)
            receiver.arrived.append(arrived)
            reply = receiver.reply(arrived)
            receiver.released.wait(reply.after_s) if reply.after_s else None
            with contextlib.suppress(OSError):
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}{path}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
