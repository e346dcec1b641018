"""Applications under real servers, with the client inside, that report to a running monitor."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.web import ROOT

WAIT_SECONDS = 30
SOURCES = ROOT / "clients" / "python" / "src"
GUNICORN = (
    "gunicorn",
    "--workers",
    "2",
    "--log-level",
    "critical",
    "--no-control-socket",
    "--bind",
    "fd://{fd}",
)
UVICORN = ("uvicorn", "--fd", "{fd}", "--log-level", "critical")


@dataclass(frozen=True, kw_only=True)
class App:
    """How one application is served; `template` is how its framework spells the route of an order."""

    command: tuple[str, ...]
    template: str
    django: bool = False


APPS = {
    "FastAPI, uvicorn": App(
        command=(*UVICORN, "tests.clients.fastapi_shop:app"), template="/orders/{order_id}"
    ),
    "FastAPI, gunicorn with uvicorn workers": App(
        command=(*GUNICORN, "-k", "uvicorn_worker.UvicornWorker", "tests.clients.fastapi_shop:app"),
        template="/orders/{order_id}",
    ),
    "Flask, gunicorn with preload": App(
        command=(*GUNICORN, "--preload", "-k", "gthread", "--threads", "4", "tests.clients.flask_shop:app"),
        template="/orders/<int:order_id>",
    ),
    "Django WSGI, gunicorn": App(
        command=(*GUNICORN, "tests.clients.django_shop:wsgi"), template="/orders/<order_id>", django=True
    ),
    "Django ASGI, uvicorn": App(
        command=(*UVICORN, "tests.clients.django_shop:asgi"),
        template="/orders/<order_id>",
        django=True,
    ),
}
CALLER = App(command=(*UVICORN, "tests.clients.caller:app"), template="/stock/{id}")


@dataclass(frozen=True, kw_only=True)
class RunningApp:
    address: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=WAIT_SECONDS)


@contextmanager
def running_app(app: App, *, url: str, key: str, spool: Path, **environment: str) -> Iterator[RunningApp]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        command = [part.format(fd=listener.fileno()) if "fd" in part else part for part in app.command]
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{SOURCES}{os.pathsep}{ROOT}",
                "APIMONITOR_URL": url,
                "APIMONITOR_KEY": key,
                "APIMONITOR_ENVIRONMENT": "prod",
                "APIMONITOR_SPOOL_DIR": str(spool),
                **({"DJANGO_SETTINGS_MODULE": "tests.clients.django_shop"} if app.django else {}),
                **environment,
            },
            pass_fds=[listener.fileno()],
        )
        running = RunningApp(address=f"http://127.0.0.1:{listener.getsockname()[1]}", process=process)
        try:
            until(lambda: answers(running.address))
            yield running
        finally:
            running.stop()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def until(true: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """What it gives once that is something; the last try's answer when the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found
