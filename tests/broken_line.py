"""A line between a client and the monitor that breaks at the worst moment."""

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@contextmanager
def a_broken_line(target):
    """The address of a relay that breaks its first connection after the request went through, before the
    answer comes back; and the number of requests it has passed on."""
    passed = []

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            names = ("Content-Type", "Content-Encoding", "x-api-key", "Authorization")
            headers = {name: self.headers[name] for name in names if name in self.headers}
            answer = httpx.post(target + self.path, content=body, headers=headers, timeout=30)
            passed.append(answer.status_code)
            self.close_connection = True
            if len(passed) == 1:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", passed
        server.shutdown()
