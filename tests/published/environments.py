"""Environments with the real client libraries, each apart from ours and from the others.

They are made on first use, below var/clients, and used again while their list of packages stays the same.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.web import ROOT

FOLDER = ROOT / "var" / "clients"
REQUIREMENTS = Path(__file__).with_name("requirements")
INSTALL_SECONDS = 600


def python_with(name: str) -> Path:
    """The Python of an environment that has what requirements/<name>.txt lists."""
    listed = REQUIREMENTS / f"{name}.txt"

    def make(folder: Path) -> None:
        run(sys.executable, "-m", "venv", str(folder))
        python = folder / "bin" / "python"
        run(str(python), "-m", "pip", "install", "--quiet", "--no-input", "--requirement", str(listed))

    return made(f"{name}-{digest(listed, sys.version)}", make) / "bin" / "python"


def node_modules_with(name: str) -> Path:
    """A folder in which Node finds what requirements/<name>/package.json lists."""
    listed = REQUIREMENTS / name / "package.json"

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        shutil.copy(listed, folder)
        run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", at=folder)

    return made(f"{name}-{digest(listed)}", make)


def made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name, made unless it was made whole before. Others wait meanwhile."""
    folder, whole = FOLDER / name, FOLDER / f"{name}.whole"
    with alone(name):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            whole.touch()
    return folder


@contextmanager
def alone(name: str) -> Iterator[None]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(listed: Path, *more: str) -> str:
    return hashlib.sha256("\0".join([listed.read_text(), *more]).encode()).hexdigest()[:12]


def run(*command: str, at: Path | None = None) -> None:
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
