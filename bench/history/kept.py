"""Databases of a given size: made when they are needed, and kept for the next run where a folder is named."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apimonitor.supervisor import storage
from apimonitor.supervisor.errors import CannotStart, say
from apimonitor.supervisor.postgres import Cluster
from bench.installation import ROOT, environment, own_database, own_folder

# Questions are asked about windows before the newest log; much later, retention would have taken days away.
MAX_AGE = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class History:
    """A database with `rows` logs, the newest of `newest`. It took `seconds` to load."""

    cluster: Cluster
    folder: Path
    rows: int
    newest: datetime
    seconds: float

    @property
    def url(self) -> str:
        return self.cluster.url

    @property
    def log(self) -> Path:
        return self.folder / "log" / "servers.log"

    def run(self, *arguments: str, told: str = "") -> str:
        """What a module of Python prints when it is told this, run as a part of this installation."""
        return run(self.cluster.url, *arguments, told=told)


@contextmanager
def histories(
    rows: tuple[int, ...], *, kept_in: Path | None, postgres: Path | None
) -> Iterator[list[History]]:
    """One database for each size, all running, smallest first; removed afterwards unless they are kept."""
    with ExitStack() as stack:
        parent = kept_in or stack.enter_context(own_folder())
        yield [stack.enter_context(history(parent, count, postgres)) for count in sorted(rows)]


@contextmanager
def history(parent: Path, rows: int, postgres: Path | None) -> Iterator[History]:
    folder = parent / (f"{rows}-postgres-{postgres.parent.name}" if postgres else str(rows))
    storage.open_data_folder(folder)
    for each in (parent, folder):
        each.chmod(0o711)
    note = folder / "loaded.json"
    with own_database(folder, postgres) as cluster:
        told = loaded_before(note)
        # What was loaded by an earlier version may lack its migrations; the figures are about this one.
        run(cluster.url, "manage", "migrate", "--verbosity", "0")
        if told is None:
            say(f"Loading {rows:,} logs ...")
            note.unlink(missing_ok=True)
            began = time.monotonic()
            told = json.loads(run(cluster.url, "bench.history", str(rows), str(folder)))
            told["seconds"] = time.monotonic() - began
            note.write_text(json.dumps(told))
            say(f"{rows:,} logs were loaded in {told['seconds']:.0f} s.")
        # What the worker does by the clock; paths are indexed where the server has pg_trgm.
        say(run(cluster.url, "manage", "index_paths").splitlines()[-1])
        say(run(cluster.url, "manage", "fold_rollups").splitlines()[-1])
        newest = datetime.fromisoformat(told["newest"])
        yield History(cluster=cluster, folder=folder, rows=rows, newest=newest, seconds=told["seconds"])


def loaded_before(note: Path) -> dict[str, Any] | None:
    """What is noted about a load that came to its end and is not too old."""
    if not note.exists():
        return None
    told: dict[str, Any] = json.loads(note.read_text())
    return told if datetime.now(UTC) - datetime.fromisoformat(told["newest"]) < MAX_AGE else None


def run(url: str, *arguments: str, told: str = "") -> str:
    """In a process of its own: what a Django process remembers is about one database."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**environment(url, port=1), "LOG_LEVEL": "warning"},
        input=told,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"{' '.join(arguments)} ended with {done.returncode}.")
    return done.stdout
