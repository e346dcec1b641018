"""`scripts/up`: the whole of API Monitor on this machine, until Ctrl-C."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from apimonitor import env
from apimonitor.supervisor import ports, storage
from apimonitor.supervisor.errors import CannotStart, run_main, say
from apimonitor.supervisor.postgres import Cluster
from apimonitor.supervisor.processes import Child, Program, die_with_parent, last_line, stop_all

ROOT = Path(__file__).resolve().parents[2]
TICK_S = 0.25
WEB_START_S = 90

HELP = """\
Starts API Monitor on this machine: PostgreSQL, web, worker, webhooks, prober. Ctrl-C stops them.

What can be set in the environment (.env.example has everything):
  PORT=8090          the port on 127.0.0.1
  DATA_DIR=var       database, generated secrets and logs; one for each installation
  DATABASE_URL       your own PostgreSQL 15 or newer instead of the embedded one
  ADMIN_USERNAME, ADMIN_PASSWORD   the first administrator, instead of a generated password
  ADMIN_EMAIL                      the administrator's address, which counts as confirmed (admin@localhost)
  ANONYMOUS_ACCESS   none, read or full (here the default, on this machine only)
"""


LOOPBACK_BINDS = frozenset({"127.0.0.1", "::1", "localhost"})
DATABASE_RETRY_S = 10.0


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal, wherever the supervisor is at that moment."""


class Installation:
    """The processes of one `scripts/up`, in the order they start; they stop in the opposite one."""

    def __init__(self, environment: Mapping[str, str], *, demo: bool) -> None:
        self.data_dir = env.path("DATA_DIR", ROOT / "var")
        self.host = env.text("BIND", "127.0.0.1")
        self.port = env.integer("PORT", 8090, least=1, most=65535)
        self.environment = quick_start_defaults(environment, host=self.host, port=self.port)
        self.environment["DATA_DIR"] = str(self.data_dir)
        if demo and self.environment["ANONYMOUS_ACCESS"] != "full":
            raise CannotStart("--demo needs ANONYMOUS_ACCESS=full: it registers its own service and key.")
        self.demo = demo
        self.lock: storage.Lock | None = None
        self.cluster: Cluster | None = None
        self.children: list[Child] = []
        self.made: dict[str, Any] = {}
        """What this start made for the person, with secrets that are shown once: see `manage.py prepare`."""

    def start(self) -> None:
        storage.open_data_folder(self.data_dir)
        self.lock = storage.lock(self.data_dir)
        ports.require_free(self.host, self.port, after_crash=self.lock.after_crash)
        if not self.environment.get("SECRET_KEY"):
            self.environment["SECRET_KEY"] = storage.kept_secret(self.data_dir / "secret_key")
        if not self.environment.get("DATABASE_URL"):
            self.cluster = Cluster(self.data_dir)
            self.cluster.start()
            self.environment["DATABASE_URL"] = self.cluster.url
        self.made = self._prepare()
        web = self._run_child("web", "-m", "gunicorn", "-c", "python:apimonitor.serving")
        self._run_child("worker", "manage.py", "procrastinate", "worker", "--delete-jobs", "successful")
        self._run_child("deliver", "manage.py", "deliver")
        self._run_child("prober", "manage.py", "prober")
        self._wait_for(web)
        if self.demo:
            self._run_child("demo", "-m", "apimonitor.demo")

    def watch(self) -> None:
        """Start again whatever dies. Ends only by StopRequested."""
        while True:
            time.sleep(TICK_S)
            if self.cluster and self.cluster.poll() is not None:
                self._restart(self.cluster)
            for child in self.children:
                child.tick()

    def stop(self) -> None:
        """Stop the programs, then the database they write to."""
        stop_all(self.children)
        if self.cluster:
            self.cluster.stop()
        if self.lock:
            self.lock.release()

    def _prepare(self) -> dict[str, Any]:
        """Run `manage.py prepare`. It reports through a pipe of its own: the report holds secrets."""
        receiving, sending = os.pipe()
        with os.fdopen(receiving) as report, (self.data_dir / "log" / "prepare.log").open("w+") as log:
            command = [sys.executable, "manage.py", "prepare", "--quick-start", "--report-to", str(sending)]
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stderr=log,
                pass_fds=[sending],
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
            os.close(sending)
            try:
                text = report.read()
                code = process.wait()
            finally:
                process.kill()
            if code != 0:
                log.seek(0)
                lines = log.read().strip().splitlines() or ["preparing the database failed"]
                raise CannotStart(lines[-1].removeprefix("CommandError: "))
        return dict(json.loads(text))

    def _run_child(self, name: str, *arguments: str) -> Child:
        program = Program(
            name=name,
            command=[sys.executable, *arguments],
            environment=self.environment,
            log=self.data_dir / "log" / f"{name}.log",
        )
        child = Child(program, say=say)
        child.start()
        self.children.append(child)
        return child

    def _wait_for(self, web: Child) -> None:
        until = time.monotonic() + WEB_START_S
        while not ports.answers(self.host, self.port):
            if web.poll() is not None or time.monotonic() > until:
                log = web.program.log
                raise CannotStart(f"The web process did not start: {last_line(log)} (see {log})")
            time.sleep(0.05)

    def _restart(self, cluster: Cluster) -> None:
        say(f"PostgreSQL ended; starting it again. Its log: {cluster.log}")
        try:
            cluster.start()
        except CannotStart as error:
            # A full disk, say. The others answer 503 meanwhile, and what is fixed heals without us.
            say(f"{error}; trying again in {DATABASE_RETRY_S:.0f} s.")
            time.sleep(DATABASE_RETRY_S)


def quick_start_defaults(environment: Mapping[str, str], *, host: str, port: int) -> dict[str, str]:
    """The person's environment, completed for a first look on one's own machine."""
    access = "full" if host in LOOPBACK_BINDS else "none"
    shown = f"[{host}]" if ":" in host else host
    defaults = {
        "ANONYMOUS_ACCESS": access,
        "BIND": host,
        "PORT": str(port),
        "PUBLIC_URL": f"http://{shown if host in LOOPBACK_BINDS else '127.0.0.1'}:{port}",
    }
    given = {name: value for name, value in environment.items() if value.strip()}
    return defaults | given


def welcome(installation: Installation) -> str:
    """What to open and what to paste. Secrets made in this start are shown here and nowhere else."""
    url = installation.environment["PUBLIC_URL"]
    lines = ["", f"API Monitor is ready: {url}", "", *administrator_lines(installation.made, url)]
    if installation.environment["ANONYMOUS_ACCESS"] == "full":
        lines += ["  Access           open to every program on this machine (ANONYMOUS_ACCESS=full)"]
    lines += [f"  Logs             {installation.data_dir / 'log'}", ""]
    if raw_key := installation.made.get("raw_key"):
        lines += ["Send a first log (the key is shown this once):", "", sample_curl(url, raw_key), ""]
    else:
        lines += [f"Make a key on a service's page: {url}/", ""]
    return "\n".join([*lines, "Ctrl-C stops it."])


def administrator_lines(made: Mapping[str, Any], url: str) -> list[str]:
    administrator = made.get("administrator")
    if not administrator:
        return []
    lines = [f"  Administrator    {administrator['username']} at {url}/admin/"]
    if password := administrator["password"]:
        lines += [f"  Password         {password}   (shown this once)"]
    return lines


def sample_curl(url: str, raw_key: str) -> str:
    log = {"method": "GET", "url": "https://api.example.com/hello?lang=en", "path": "/hello"}
    body = json.dumps(log | {"status_code": 200, "latency_ms": 12.5})
    return (
        f"curl -X POST {url}/v1/logs -H 'Authorization: Bearer {raw_key}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/up", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--demo", action="store_true", help="also run a small shop that reports its traffic")
    options = parser.parse_args(arguments)
    try:
        installation = Installation(os.environ, demo=options.demo)
    except ImproperlyConfigured as error:
        raise CannotStart(str(error)) from None
    listen_for_stop()
    ready = False
    try:
        installation.start()
        say(welcome(installation))
        ready = True
        installation.watch()
    except StopRequested:
        say("\nStopping ...")
    finally:
        if not ready and (
            lines := administrator_lines(installation.made, installation.environment["PUBLIC_URL"])
        ):
            # The account is in the database already, and the next start will not show its password.
            say("\n".join(lines))
        ignore_signals()
        installation.stop()
    return 0


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def listen_for_stop() -> None:
    def request_stop(number: int, frame: FrameType | None) -> None:
        ignore_signals()
        raise StopRequested

    for number in STOP_SIGNALS:
        signal.signal(number, request_stop)


def ignore_signals() -> None:
    """An impatient second Ctrl-C must not leave half of it running; stopping takes seconds."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    run_main(main)
