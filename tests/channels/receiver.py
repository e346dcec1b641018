"""Receivers on loopback: one for HTTP that answers as it is told, and a mail server that keeps what came."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
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

    def replies(self, *replies: Reply) -> None:
        """One after the other; the last one from then on."""
        left = list(replies)
        self.reply = lambda arrived: left.pop(0) if len(left) > 1 else left[0]


@contextlib.contextmanager
def a_receiver() -> Iterator[Receiver]:
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
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailBox:
    """What the mail server took. `answer` is said to each message instead, when it is set."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    answer: str = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer:
            return self.answer
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 kept"


@contextlib.contextmanager
def a_mail_server() -> Iterator[MailBox]:
    box = MailBox()
    with socket_port() as port:
        box.port = port
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@contextlib.contextmanager
def socket_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]
