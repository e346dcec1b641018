"""A database of this run, in the settings of a real installation, and servers on it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from apimonitor.supervisor import binaries, storage
from apimonitor.supervisor.errors import CannotStart
from apimonitor.supervisor.postgres import Cluster
from apimonitor.supervisor.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[1]
START_S = 60
OURS = ("-c", "python:apimonitor.serving", "apimonitor.asgi:application")
KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")


@contextmanager
def own_folder() -> Iterator[Path]:
    """A data folder that PostgreSQL's account can reach, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="apimonitor-bench-"))
    folder.chmod(0o711)
    storage.open_data_folder(folder)
    try:
        yield folder
    finally:
        home = folder / "postgres"
        if home.is_symlink():
            shutil.rmtree(os.readlink(home), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_database(folder: Path, postgres: Path | None) -> Iterator[Cluster]:
    """A fresh PostgreSQL that may forget nothing: fsync and synchronous_commit are on, as in production."""
    chosen = binaries.in_folder(postgres) if postgres else None
    if postgres and chosen is None:
        raise CannotStart(f"There is no PostgreSQL in {postgres} (Debian: apt install postgresql-15).")
    cluster = Cluster(folder, binaries=chosen)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


def set_up_django(database_url: str) -> None:
    """Let this process speak with the database as the product does, and make the tables."""
    os.environ.update(environment(database_url, port=1), LOG_LEVEL="warning")
    import django
    from django.core.management import call_command

    from apimonitor import statics

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    if not statics.are_current():
        statics.collect()


def environment(database_url: str, *, port: int) -> dict[str, str]:
    """An installation's settings at their defaults; whoever asks may read, so that pages can be measured."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "apimonitor.settings",
        "DATABASE_URL": database_url,
        "SECRET_KEY": os.environ.get("SECRET_KEY") or secrets.token_urlsafe(48),
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ANONYMOUS_ACCESS": "full",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(
    database_url: str, *arguments: str, log: Path, ready: str = "/health/live", **more: str
) -> Iterator[str]:
    """The address of a gunicorn with these arguments, once it answers at `ready`."""
    port = free_port()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *arguments],
            cwd=ROOT,
            env={**environment(database_url, port=port), **more},
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_answered(f"{address}{ready}", process, log)
        yield address
    finally:
        process.terminate()
        process.wait(START_S)


def wait_until_answered(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(url, timeout=5).status_code < 500:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise CannotStart(f"A server did not start:\n{log.read_text(errors='replace')[-2000:]}")
