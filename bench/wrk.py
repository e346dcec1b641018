"""Closed-loop load from Debian's wrk: each connection sends its next request when it has its answer."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from apimonitor.supervisor.errors import CannotStart
from bench.processes import Stopwatch

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, kw_only=True)
class Load:
    requests: int
    seconds: float
    refused: int
    """Answers of 400 and above."""
    broken: int
    p50_ms: float
    p99_ms: float
    server_s: float
    """Processor time that the servers spent meanwhile, PostgreSQL's included."""

    @property
    def rate(self) -> float:
        """Requests for each second."""
        return self.requests / self.seconds

    @property
    def cost_us(self) -> float:
        """Processor time of the servers for each request, in microseconds."""
        return self.server_s / max(self.requests, 1) * 1e6


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        raise CannotStart("The load comes from wrk, which is missing (Debian: apt install wrk).")


def load(
    url: str,
    *,
    connections: int,
    seconds: int,
    bodies: Path | None = None,
    paths: Path | None = None,
    key: str = "",
    sound: bool = True,
) -> Load:
    """Raises CannotStart when an answer was an error: a server that refuses quickly is not fast."""
    environment = {"BENCH_KEY": key, **({"BENCH_BODIES": str(bodies)} if bodies else {})}
    if paths:
        environment["BENCH_PATHS"] = str(paths)
    stopwatch = Stopwatch()
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT), url],
        env=environment,
        executable=shutil.which("wrk"),
        capture_output=True,
        text=True,
        check=True,
    )
    measured = Load(**json.loads(done.stdout.strip().splitlines()[-1]), server_s=stopwatch.seconds())
    if sound and (measured.refused or measured.broken or not measured.requests):
        raise CannotStart(f"{url} did not answer well under load: {measured}")
    return measured
