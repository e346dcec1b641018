"""Our long-lived programs: started with a log file, ended with us, started again when one dies."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
MAX_LOG_BYTES = 10_000_000
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
# A program that ran this long was healthy: its next end begins the waits afresh.
STEADY_S = 60.0
STOP_S = 10.0

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a child calls before its program runs, so that the kernel ends it when its parent is killed.

    Only Linux knows this; elsewhere the next start ends what was left behind.
    """
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        # The parent may have died between the fork and the line above.
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was never waited for (pid 1 may not) does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (PermissionError, FileNotFoundError):
        return True
    return state != "Z"


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@dataclass(frozen=True, kw_only=True)
class Program:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


class Child:
    """One program that should be running. `tick` is called a few times a second and keeps it so."""

    def __init__(self, program: Program, *, say: Callable[[str], None]) -> None:
        self.program = program
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = self._start_again_at = 0.0
        self._wait_s = FIRST_WAIT_S
        self._ended = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        return self._process.poll() if self._process else None

    def start(self) -> None:
        self._started_at = time.monotonic()
        self._ended = False
        with self.program.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.program.command,
                env=dict(self.program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is ours to pass on, in the right order.
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def tick(self) -> None:
        """Start the program again when it has ended, later each time it ends soon after its start."""
        trim_log(self.program.log)
        now = time.monotonic()
        if self._process is not None and not self._ended:
            code = self._process.poll()
            if code is None:
                return
            if now - self._started_at > STEADY_S:
                self._wait_s = FIRST_WAIT_S
            self._say(
                f"{self.program.name} ended ({describe_exit(code)}); starting it again in "
                f"{self._wait_s:.0f} s. Its log: {self.program.log}"
            )
            # Its own children (gunicorn's workers outlive a killed master) would keep the port.
            self._signal_group(signal.SIGTERM)
            self._start_again_at = now + self._wait_s
            self._ended = True
            self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        elif now >= self._start_again_at:
            self._signal_group(signal.SIGKILL)
            self.start()

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait_stopped(self, until: float) -> None:
        """Wait for the end until that moment of the monotonic clock, then kill the program's whole group."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        """Signal the program and all that it started and left: they share a session of their own."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def stop_all(children: Sequence[Child]) -> None:
    for child in children:
        child.ask_to_stop()
    until = time.monotonic() + STOP_S
    for child in children:
        child.wait_stopped(until)


def describe_exit(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with code {code}"


def trim_log(log: Path) -> None:
    """Keep a log and its predecessor under 10 MB each.

    The program writes on to the same file, so its text is copied away and the file emptied. It is open
    for appending, so the next line lands at the new beginning.
    """
    try:
        if log.stat().st_size <= MAX_LOG_BYTES:
            return
        log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)
    except FileNotFoundError:
        return


def last_line(log: Path, *, start: int = 0) -> str:
    """The last line of a log that was written after byte `start`."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
