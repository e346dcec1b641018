"""The long form of test_crash: minutes of mixed load, the web process killed and started again every 20 s.

`scripts/soak` runs it; the suite does not collect it.
"""

import os
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from tests.flows.kills import kill_all, processes_of
from tests.flows.load import begin_load, what_became_of
from tests.installation import Started

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
KILL_EVERY_S = 20
# The supervisor waits longer each time that a program ends within a minute of its start; gunicorn itself
# starts a killed worker at once. So the workers are killed each time, all of gunicorn once in a while.
ALL_OF_IT_EVERY = 4
READS = ("/v1/logs", "/v1/logs?has_error=true", "/v1/logs?path=batch&limit=20", "/v1/metrics")


class Readers:
    """Someone who looks at lists and metrics all the while."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: Counter[int | str] = Counter()
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Readers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._thread.join()

    def _read(self) -> None:
        while not self.stopping.wait(0.1):
            for path in READS:
                try:
                    self.answers[httpx.get(self.address + path, timeout=30).status_code] += 1
                except httpx.TransportError:
                    self.answers["broken off"] += 1


def memory_mib(supervisor: int) -> int:
    """Resident memory of the web processes together."""
    total = 0
    for pid, command in processes_of(supervisor).items():
        if "gunicorn" in command:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            total += pages * os.sysconf("SC_PAGE_SIZE") // 2**20
    return total


def test_minutes_of_load_and_kills_lose_and_double_nothing(data_dir: Path, free_port: int):
    installation = Started(data_dir, free_port)
    load = begin_load(installation.address)
    end = time.monotonic() + MINUTES * 60
    kills = 0

    with load.running(), Readers(installation.address) as readers:
        while time.monotonic() < end:
            time.sleep(KILL_EVERY_S)
            kills += 1
            memory = memory_mib(installation.process.pid)
            workers_only = kills % ALL_OF_IT_EVERY != 0
            killed = kill_all(installation.process.pid, "gunicorn", children_only=workers_only)
            assert killed
            print(
                f"{kills * KILL_EVERY_S:5} s: {len(load.acknowledged):8,} logs, {memory} MiB, killed {killed}"
            )
        time.sleep(KILL_EVERY_S / 2)
    fate = what_became_of(load)
    code = installation.stop()

    print(f"{fate.acknowledged:,} acknowledged, {fate.kept:,} kept, {fate.counted:,} counted; {kills} kills")
    print(f"refused: {dict(load.refused)}; reads: {dict(readers.answers)}")
    assert fate.acknowledged > 100 * kills
    assert (fate.lost, fate.doubled) == ([], [])
    assert fate.counted == fate.kept
    assert set(load.refused) <= {503}
    assert set(readers.answers) <= {200, 503, "broken off"}
    assert code == 0
