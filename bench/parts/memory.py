"""Memory of each process of a whole `scripts/up`, idle and under load, and how soon it answers."""

import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from apimonitor.supervisor.errors import CannotStart
from bench.bench import Bench
from bench.figures import Check, Result, Table, spread
from bench.installation import KEPT, ROOT, START_S, free_port, own_folder
from bench.processes import family
from bench.wrk import load

SETTLE_S = 5
TARGET_MIB = 400
# What the target speaks of. Deliverer, prober and supervisor stand beside them in the table.
COUNTED = ("web", "worker", "PostgreSQL")


@dataclass(frozen=True, kw_only=True)
class Up:
    pid: int
    address: str
    key: str
    seconds: float
    """From the start to the first answer of /health."""


def measure(bench: Bench) -> Result:
    wait = 1 if bench.options.quick else SETTLE_S
    with own_folder() as folder:
        with up(folder) as first:
            time.sleep(wait)
            idle = usage(first.pid)
            during = under_load(bench, first, rounds=bench.options.rounds)
        again: list[float] = []
        for _ in range(1 if bench.options.quick else 3):
            with up(folder) as later:
                again.append(later.seconds)
    kinds = [kind for kind in idle if kind != "all"]
    counted = sum(idle.get(kind, 0) for kind in COUNTED)
    return Result(
        part="memory",
        tables=[
            Table(
                title="MiB (PSS: memory that is shared counts once), idle and after each round of load",
                columns=["", "idle", *(f"round {number}" for number in range(1, len(during) + 1))],
                rows=[
                    [kind, *(f"{each.get(kind, 0):,.0f}" for each in (idle, *during))]
                    for kind in (*kinds, "all")
                ],
            ),
            Table(
                title="Seconds from the start to the first answer",
                columns=["", "s"],
                rows=[["first start (database is made)", f"{first.seconds:.1f}"],
                      ["later starts", spread(again, digits=1)]],
            ),
        ],
        checks=[
            Check(what="web, worker and PostgreSQL, idle", target=f"under {TARGET_MIB} MiB",
                  reached=f"{counted:,.0f} MiB", met=counted < TARGET_MIB),
        ],
    )  # fmt: skip


@contextmanager
def up(folder: Path) -> Iterator[Up]:
    """A whole installation on this folder."""
    port = free_port()
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    began = time.monotonic()
    output = (folder / "up.txt").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "apimonitor.supervisor.up"],
        cwd=ROOT,
        env={**environment, "DATA_DIR": str(folder), "PORT": str(port)},
        stdout=output,
        stderr=output,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for_health(address, process)
        seconds = time.monotonic() - began
        while "Ctrl-C stops it" not in (text := Path(output.name).read_text()) and process.poll() is None:
            time.sleep(0.02)
        key = re.search(r"mkey_\w+", text)
        yield Up(pid=process.pid, address=address, key=key[0] if key else "", seconds=seconds)
    finally:
        process.terminate()
        process.wait(START_S)
        output.close()


def wait_for_health(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise CannotStart("scripts/up did not start.")


def under_load(bench: Bench, installation: Up, *, rounds: int) -> list[Mapping[str, float]]:
    """Memory right after each round of posts and reads, while the processes still hold what they took."""
    seen: list[Mapping[str, float]] = []
    for _ in range(rounds):
        load(f"{installation.address}/v1/logs", connections=32, seconds=bench.options.seconds,
             bodies=bench.bodies_file(), key=installation.key)  # fmt: skip
        load(f"{installation.address}/v1/logs?limit=50", connections=8, seconds=bench.options.seconds)
        seen.append(usage(installation.pid))
    return seen


def usage(root: int) -> Mapping[str, float]:
    """MiB by kind of process, of `root` and all below it, and of all together."""
    sums: dict[str, float] = defaultdict(float)
    for pid, command in family(root):
        try:
            pss_kib = int(re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])  # type: ignore[index]
        except (OSError, TypeError):
            continue  # It ended meanwhile.
        sums[kind_of(command)] += pss_kib / 1024
        sums["all"] += pss_kib / 1024
    return dict(sums)


def kind_of(command: str) -> str:
    if "gunicorn" in command:
        return "web"
    if "procrastinate" in command:
        return "worker"
    if "manage.py deliver" in command:
        return "deliverer"
    if "manage.py prober" in command:
        return "prober"
    return "supervisor" if "supervisor" in command else "PostgreSQL"
