"""What the recordings in this folder are of: a page and what it fetches, on loopback."""

import gzip
import json
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<meta charset="utf-8"><title>Shop</title><link rel="icon" href="data:,">
<img src="/logo.png" alt="">
<script type="module">
const known = {"Content-Type": "application/json", Authorization: "Bearer tok-secret-2"};
const order = JSON.stringify({item: "Zoë's pen", password: "hunter2"});
await fetch("/orders?page=2&page=3&access_token=tok-secret-1");
await fetch("/orders", {method: "POST", body: order, headers: known});
await fetch("/login", {method: "POST", body: new URLSearchParams({user: "zoë", password: "hunter2"})});
const form = new FormData();
form.append("note", "for Zoë");
form.append("photo", new Blob([new Uint8Array([255, 216, 0, 1])], {type: "image/jpeg"}), "p.jpg");
await fetch("/photos", {method: "POST", body: form});
await fetch("/old");
await fetch("/slow");
await fetch("/latin");
await fetch("/nowhere");
await fetch("/boom");
await fetch("/orders/7", {method: "DELETE"});
await fetch("/hangs-up").catch(() => {});
document.title = "done";
</script>
"""


def png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", 1, 1, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")),
            chunk(b"IEND", b""),
        ]
    )


ORDERS = json.dumps(
    [{"id": number, "item": "Zoë's pen"} for number in range(20)], ensure_ascii=False
).encode()
# Status, media type, body and more headers for each path.
ANSWERS = {
    "/": (200, "text/html; charset=utf-8", PAGE.encode(), {}),
    "/logo.png": (200, "image/png", png(), {}),
    "/login": (200, "application/json", b'{"token": "tok-secret-3"}', {"Set-Cookie": "session=tok-secret-4"}),
    "/photos": (201, "application/json", b'{"id": 1}', {}),
    "/old": (302, "text/plain", b"", {"Location": "/new"}),
    "/new": (200, "text/plain", b"moved", {}),
    "/slow": (200, "text/plain", b"late", {}),
    "/latin": (200, "text/plain; charset=iso-8859-1", "Zoë".encode("latin-1"), {}),
    "/boom": (500, "application/json", b'{"detail": "boom"}', {}),
    "/orders/7": (204, "", b"", {}),
}


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if path == "/hangs-up":
            self.close_connection = True
            return
        if path == "/slow":
            time.sleep(0.3)
        missing = (404, "text/plain", b"not here", {})
        status, kind, body, more = ANSWERS.get(path, missing)
        if path == "/orders":
            status, kind, more = 200, "application/json", {"Content-Encoding": "gzip"}
            body = gzip.compress(ORDERS, mtime=0)
            if self.command == "POST":
                status, body, more = 201, json.dumps({"got": json.loads(sent)["item"]}).encode(), {}
        self.send_response(status)
        sized = {} if status == 204 else {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in {**sized, **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer

    def version_string(self) -> str:
        return "shop"

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def running_shop(port: int) -> Iterator[str]:
    """The address of the page."""
    with ThreadingHTTPServer(("127.0.0.1", port), Shop) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{port}/"
        server.shutdown()
