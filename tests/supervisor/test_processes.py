import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from apimonitor.supervisor import processes
from apimonitor.supervisor.processes import Child, Program, is_alive, stop_all, trim_log


def program(tmp_path: Path, source: str) -> Program:
    return Program(
        name="sample", command=[sys.executable, "-c", source], environment={}, log=tmp_path / "sample.log"
    )


def tick_until(child: Child, happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < until
        child.tick()
        time.sleep(0.02)


def test_a_program_that_dies_is_started_again_later_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "FIRST_WAIT_S", 0.05)
    said: list[str] = []
    child = Child(program(tmp_path, "print('here', flush=True); raise SystemExit(3)"), say=said.append)
    child.start()

    tick_until(child, lambda: len(said) == 3)

    assert "sample ended (with code 3)" in said[0]
    assert child._wait_s == pytest.approx(0.4)
    assert (tmp_path / "sample.log").read_text().startswith("here\nhere\n")


def test_a_program_that_does_not_listen_is_killed_after_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "STOP_S", 0.2)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    child = Child(program(tmp_path, deaf), say=print)
    child.start()
    tick_until(child, lambda: "on" in (tmp_path / "sample.log").read_text())

    stop_all([child])

    assert child.poll() == -9


def test_what_a_killed_program_left_behind_ends_before_the_program_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "FIRST_WAIT_S", 0.05)
    grandchild = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    )
    source = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {grandchild!r}]); print('pid', p.pid, flush=True)\n"
        "time.sleep(60)"
    )
    child = Child(program(tmp_path, source), say=lambda line: None)
    child.start()
    tick_until(child, lambda: "on" in child.program.log.read_text())
    [left] = [int(line.split()[1]) for line in child.program.log.read_text().splitlines() if "pid" in line]

    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    tick_until(child, lambda: child.program.log.read_text().count("pid") == 2)

    assert not is_alive(left)
    stop_all([child])


def test_a_log_is_moved_aside_when_it_has_grown_and_goes_on_at_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "MAX_LOG_BYTES", 10)
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"more than ten bytes\n")

        trim_log(log)
        writer.write(b"next\n")

    assert log.read_bytes() == b"next\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"more than ten bytes\n"
