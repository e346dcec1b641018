"""The product as a real web server on loopback, for what Django's test client cannot say: chunked bodies,
broken connections, many callers at once."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
# On a quiet machine it takes two or three.
START_SECONDS = 90


def database_url() -> str:
    """The address of the database that this test process uses."""
    known = connection.settings_dict
    user, password = quote(known["USER"]), quote(known["PASSWORD"] or "", safe="")
    host, port = quote(known["HOST"] or "", safe=""), known["PORT"]
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    return f"postgresql://{login}{host}{f':{port}' if port else ''}/{quote(known['NAME'])}"


@dataclass(frozen=True, kw_only=True)
class WebServer:
    address: str
    process: subprocess.Popen[bytes]
    listener: socket.socket

    def stop(self) -> int:
        """Ask it to stop, as an operator does. Gives its exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=START_SECONDS)
        # Our own copy would let callers wait for an answer that nobody gives.
        self.listener.close()
        return code

    def kill(self) -> None:
        """End it and its workers at once, as a machine that loses its power does."""
        workers = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        self.process.wait(timeout=START_SECONDS)
        for worker in workers:
            os.kill(int(worker), signal.SIGKILL)
        self.listener.close()


@contextmanager
def running_web_server(*, workers: int = 1, port: int = 0, **environment: str) -> Iterator[WebServer]:
    """A server on the test database, with the product's own configuration. It is stopped on the way out.

    `port` brings one back where it was before.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The server inherits the open socket, so nobody can take the port in between.
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "-c", "python:apimonitor.serving"),
                *("--workers", str(workers)),
                *("--bind", f"fd://{listener.fileno()}", "--log-level", "warning"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "apimonitor.settings",
                "DATABASE_URL": database_url(),
                "ANONYMOUS_ACCESS": "none",
                "LOG_LEVEL": "warning",
                "OWN_REQUESTS": "false",
                **environment,
            },
            pass_fds=[listener.fileno()],
        )
        try:
            wait_until_healthy(address, process)
            yield WebServer(address=address, process=process, listener=listener)
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The web server ended with {process.returncode}.")
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("The web server did not become healthy.")


@pytest.fixture(scope="session")
def web_server(django_db_setup: None) -> Iterator[str]:
    """The address of one server for the whole run; use it in tests with `django_db(transaction=True)`."""
    with running_web_server() as server:
        yield server.address


@pytest.fixture(scope="session")
def plain_web_server(django_db_setup: None) -> Iterator[str]:
    """The same, served as plain WSGI."""
    with running_web_server(WEB_INTERFACE="wsgi") as server:
        yield server.address
