"""Real servers on loopback for tests of what goes out: each connection is handled by a plain function."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Self-signed for "good.test", valid for a hundred years, worth nothing.
CERTIFICATE = Path(__file__).parent / "tls" / "certificate.pem"
_KEY = Path(__file__).parent / "tls" / "key.pem"

Handle = Callable[[socket.socket, bytes], None]


@dataclass
class Server:
    """A listening server, and what has reached it so far."""

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    # The handler's error when the other side went away, as it must where a call is stopped.
    broken: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@contextlib.contextmanager
def serve(handle: Handle, *, tls: bool = False) -> Iterator[Server]:
    """Runs `handle(connection, request)` for each connection, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(port=listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            threads.append(threading.Thread(target=work, args=(connection,)))
            threads[-1].start()

    def work(connection: socket.socket) -> None:
        connection.settimeout(10)
        with contextlib.closing(connection):
            try:
                with _secured(connection) if tls else connection as stream:
                    request = _read_request(stream)
                    server.requests.append(request)
                    handle(stream, request)
            except OSError:
                server.broken.set()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [accepting, *threads]:
            thread.join()


def answer(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> Handle:
    """A handler that gives the same complete answer to everyone."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()

    def handle(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head + body)

    return handle


def _secured(connection: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, _KEY)
    return context.wrap_socket(connection, server_side=True)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += (chunk := connection.recv(65_536))
        if not chunk:
            return received
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
    )
    while len(body) < length and (chunk := connection.recv(65_536)):
        body += chunk
    return head + b"\r\n\r\n" + body
