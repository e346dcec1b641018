"""What processes cost, from /proc: rates of a shared machine are noisy, used processor time much less so."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(root: int) -> Iterator[tuple[int, str]]:
    """The process and its descendants, with their command lines."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children[parent].append(int(entry.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        waiting += children[pid]
        try:
            yield pid, Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue


class Stopwatch:
    """Processor time of every server that this process has started, PostgreSQL among them."""

    def __init__(self) -> None:
        self._before = spent_s()

    def seconds(self) -> float:
        """What was spent since the beginning; a server that ended meanwhile is left out."""
        return sum(spent - self._before.get(pid, 0.0) for pid, spent in spent_s().items())


def spent_s() -> dict[int, float]:
    """User and system time of each server, in seconds."""
    spent: dict[int, float] = {}
    for pid, _ in family(os.getpid()):
        if pid == os.getpid():
            continue
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        spent[pid] = (int(fields[11]) + int(fields[12])) / TICKS
    return spent
