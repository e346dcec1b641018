"""`scripts/up` as a person runs it: a real start, a kill -9, and each thing that can be in the way."""

import json
import re
import shlex
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.retention.days import DAYS_AHEAD
from tests.installation import Started, environment

ROOT = Path(__file__).resolve().parents[2]


def refused(data_dir: Path, **more: str) -> str:
    """What a start that is refused says; it says so in one line and with a code that is not zero."""
    done = subprocess.run(
        [ROOT / "scripts" / "up"],
        env=environment(data_dir, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    return sentence


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def services(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/services", timeout=60) as answer:
        return [service["name"] for service in json.load(answer)]


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        [value] = re.findall(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(value)


def test_it_starts_serves_survives_a_kill_and_starts_again_with_its_data(data_dir: Path, free_port: int):
    first = Started(data_dir, free_port)
    [curl] = re.findall(r"^curl .*$", first.output, re.MULTILINE)
    sent = subprocess.run([*shlex.split(curl), "-s", "-w", "%{http_code}"], capture_output=True, text=True)
    refusal = refused(data_dir, PORT=str(free_port))
    days_ahead = metric(free_port, "apimonitor_partitions_ahead_days")
    first.stop(signal.SIGKILL)

    second = Started(data_dir, free_port)
    found = services(free_port)
    code = second.stop(signal.SIGTERM)

    assert sent.stdout.endswith("201")
    assert re.search(r"Password +\S{20}", first.output)
    assert "already runs on" in refusal
    assert days_ahead == DAYS_AHEAD
    assert "Password" not in second.output
    assert "mkey_" not in second.output
    assert found == ["my-service"]
    assert code == 0
    assert not (data_dir / "postgres" / "data" / "postmaster.pid").exists()
    kept = [path.read_text(errors="replace") for path in (data_dir / "log").iterdir()]
    password = re.findall(r"Password +(\S+)", first.output)[0]
    assert not [text for text in kept if password in text or "mkey_" in text]


def test_a_taken_port_is_told_in_one_sentence(data_dir: Path, taken_port: int):
    assert refused(data_dir, PORT=str(taken_port)).startswith(f"Port {taken_port} on 127.0.0.1 is taken")


def test_an_unreachable_database_is_named_without_its_password(data_dir: Path, free_port: int):
    sentence = refused(
        data_dir, PORT=str(free_port), DATABASE_URL="postgresql://someone:s3cret@127.0.0.1:1/monitor"
    )

    assert sentence == "The database at 127.0.0.1:1 (DATABASE_URL) cannot be used: Connection refused"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "eighty", "PORT must be a whole number, not 'eighty'."),
        ("BIND", "192.0.2.1", "Cannot serve on 192.0.2.1:"),
        ("RETENTION_DAYS", "many", "RETENTION_DAYS must be a whole number, not 'many'."),
    ],
)
def test_a_wrong_setting_is_named(data_dir: Path, free_port: int, name: str, value: str, sentence: str):
    settings = {"PORT": str(free_port), "DATABASE_URL": "postgresql://a@127.0.0.1:1/b", name: value}

    assert refused(data_dir, **settings).startswith(sentence)


def test_an_old_python_is_told_which_one_is_needed(tmp_path: Path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    for tool in ("sh", "dirname"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}")

    done = subprocess.run(
        [ROOT / "scripts" / "up"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=10
    )

    assert done.returncode == 1
    assert done.stderr == "API Monitor needs Python 3.11 or newer; here is Python 3.9.2.\n"
