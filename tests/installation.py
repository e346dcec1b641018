"""A whole installation as `scripts/up` runs it, for tests that need all of it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apimonitor.supervisor import storage

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that PostgreSQL's account can reach: pytest's own tmp_path is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="apimonitor-test-"))
    folder.chmod(0o711)
    storage.open_data_folder(folder)
    yield folder
    home = folder / "postgres"
    if home.is_symlink():
        shutil.rmtree(os.readlink(home))
    shutil.rmtree(folder)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "DATA_DIR": str(data_dir), "PORT": "1", **more}


class Started:
    """A running `scripts/up`, with what it wrote until it was ready."""

    def __init__(self, data_dir: Path, port: int, *arguments: str) -> None:
        began = time.monotonic()
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [ROOT / "scripts" / "up", *arguments],
            env=environment(data_dir, PORT=str(port)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.output = ""
        for line in self.process.stdout:
            self.output += line
            if "Ctrl-C stops it" in line:
                break
        else:
            pytest.fail(self.output)
        self.seconds = time.monotonic() - began

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(30)
