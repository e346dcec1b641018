"""Kills -9 of the programs of one installation."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

START_SECONDS = 40


def processes_of(supervisor: int) -> dict[int, str]:
    """Process ids below this one, with their command lines."""
    found: dict[int, str] = {}
    parents = {supervisor}
    while True:
        children = {
            int(entry.name): command_of(entry)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and parent_of(entry) in parents and int(entry.name) not in found
        }
        if not children:
            return found
        found |= children
        parents = set(children)


def command_of(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def parent_of(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def kill_all(supervisor: int, word: str, *, children_only: bool = False) -> int:
    """Kill -9 every process whose command holds the word, as soon as there is one. Gives how many.

    With `children_only` those that another one of them has started: gunicorn's workers, say.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = {pid for pid, command in processes_of(supervisor).items() if word in command}
        victims = [pid for pid in found if not children_only or parent_of(Path(f"/proc/{pid}")) in found]
        if victims:
            break
        # It was killed before, and the supervisor takes its time to start it again.
        time.sleep(0.1)
    for pid in victims:
        # PostgreSQL's sessions come and go, and one that ended meanwhile needs no kill.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(victims)
