"""What a figure was measured on: without it no figure means anything."""

import os
import platform
import subprocess
from pathlib import Path

from apimonitor.supervisor.postgres import Cluster

ROOT = Path(__file__).resolve().parents[1]


def describe(cluster: Cluster) -> dict[str, str]:
    return {
        "processor": f"{_first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": cluster.binaries.version,
        "commit": _commit(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _first(file: str, name: str) -> str:
    """The value of the first line of a /proc file that begins with this name."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return "0 (not told by this system)"
    found = [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
    return found[0] if found else "0 (not told by this system)"


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
