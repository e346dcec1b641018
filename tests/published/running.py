"""Runs an application with a client library in it, and calls it as its users would."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

APPS = Path(__file__).with_name("apps")
SECONDS = 60

# Method, path, consumer and body of what the tests ask of each application, with secrets everywhere.
CALLS = [
    *[("GET", f"/items/{number}", "alice", None) for number in range(5)],
    *[("GET", f"/items/{number}", "bob", None) for number in range(3)],
    ("GET", "/items/9?access_token=tok-secret-1&page=2", "", None),
    *[("POST", "/items", "alice", {"name": "pen", "password": "hunter2"}) for _ in range(2)],
    ("GET", "/boom", "bob", None),
]
SECRET_HEADER = {"Authorization": "Bearer tok-secret-2"}
SECRETS = ("tok-secret", "hunter2")
# The same as the product must count them, and by who called.
COUNTED = Counter({("GET", 200): 9, ("POST", 201): 2, ("GET", 500): 1})
CONSUMERS = Counter({"alice": 7, "bob": 4, "": 1})


@contextmanager
def running_app(command: Callable[[int], list[str]], *, at: Path = APPS, **environment: str) -> Iterator[str]:
    """The address of an application, and then its orderly end, at which clients send what they hold.

    `command` is given the descriptor of an open socket to serve on, and is run in the folder `at`.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(32)
        # Nothing of ours: clients look for pytest and for OpenTelemetry in the environment.
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        process = subprocess.Popen(
            command(listener.fileno()),
            cwd=at,
            env={**plain, **environment},
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=SECONDS)
            finally:
                process.kill()


def uvicorn(python: Path, app: str) -> Callable[[int], list[str]]:
    return lambda fd: [str(python), "-m", "uvicorn", f"{app}:app", "--fd", str(fd)]


def gunicorn(python: Path, app: str) -> Callable[[int], list[str]]:
    # A second gunicorn on this machine must not share the first one's control socket.
    return lambda fd: [
        *(str(python), "-m", "gunicorn", f"{app}:app", "--bind", f"fd://{fd}"),
        *("--workers", "1", "--threads", "2", "--no-control-socket"),
    ]


def node(modules: Path, app: str, *options: str) -> Callable[[int], list[str]]:
    # Node looks for packages beside the program.
    program = modules / app
    shutil.copy(APPS / app, program)
    return lambda fd: ["node", *options, str(program), str(fd)]


def instrumented(app: str) -> Callable[[int], list[str]]:
    """Under `opentelemetry-instrument`, both from our own environment."""
    instrument = str(Path(sys.executable).with_name("opentelemetry-instrument"))
    return lambda fd: [instrument, *uvicorn(Path(sys.executable), app)(fd)]


def call_all(address: str) -> Counter[tuple[str, int]]:
    """What the application answered to each of CALLS."""
    answers: Counter[tuple[str, int]] = Counter()
    with httpx.Client(base_url=address, timeout=SECONDS) as client:
        for method, path, consumer, body in CALLS:
            headers = SECRET_HEADER | ({"X-Consumer": consumer} if consumer else {})
            answers[method, client.request(method, path, headers=headers, json=body).status_code] += 1
    return answers


def consumers_of(logs: list[dict[str, Any]]) -> Counter[str]:
    return Counter(log["consumer"] for log in logs)


def secrets_in(details: list[dict[str, Any]]) -> set[str]:
    """Which of SECRETS anybody can read."""
    told = json.dumps(details, ensure_ascii=False)
    return {secret for secret in SECRETS if secret in told}


def wait_until(is_so: Callable[[], Any], *, within_s: float = SECONDS) -> bool:
    """Whether it came to be so in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return False
