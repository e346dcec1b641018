"""A few child processes that run scripts. The parent's kill is what gives the guarantee: an engine's own
limit is only the first."""

import atexit
import contextlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from monitor.journeys.scripting.answers import CannotScript, ScriptAnswer, read_answer
from monitor.lib.outbound.turns import take_turn

# A script has a second in the engine; past three the process is killed, with the first start on top.
KILL_AFTER_S = 3.0
START_S = 10.0
# What an engine leaves behind goes with its process.
SCRIPTS_A_CHILD = 100
MOST_CHILDREN = 2
MOST_ANSWER_BYTES = 4 * 1024 * 1024
CHILD = Path(__file__).with_name("child.py")
MISSING = "Scripts need the packages of requirements-postman.txt, which are not installed."

_running = ThreadPoolExecutor(MOST_CHILDREN, thread_name_prefix="scripts")
_free: list["Child"] = []
_lock = threading.Lock()


async def run_script(script: str, state: Mapping[str, Any]) -> ScriptAnswer:
    """What it said. A script that fails or takes too long says so in a check that does not hold. Raises
    CannotScript where no script can run."""
    if not is_installed():
        raise CannotScript(MISSING)
    line = json.dumps({"script": script, "state": state}).encode() + b"\n"
    return await take_turn(_running, _run, line)


def is_installed() -> bool:
    return importlib.util.find_spec("py_mini_racer") is not None


class Child:
    """One process, and how many scripts it ran."""

    def __init__(self) -> None:
        self.ran = 0
        # Nothing of our environment, and -I: no folder of ours to import from.
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"},
            cwd="/",
            bufsize=0,
        )

    def ask(self, line: bytes) -> bytes:
        """The answer's line. Raises TimeoutError, and OSError or EOFError when the process ended."""
        allowed_s = KILL_AFTER_S + (0 if self.ran else START_S)
        self.ran += 1
        deadline = time.monotonic() + allowed_s
        self._write(line, deadline)
        return self._read(deadline)

    def _write(self, line: bytes, deadline: float) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - it was asked for
        os.set_blocking(pipe.fileno(), False)
        rest = memoryview(line)
        while rest:
            wait(pipe.fileno(), select.POLLOUT, deadline)
            rest = rest[os.write(pipe.fileno(), rest[:65_536]) :]

    def _read(self, deadline: float) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - it was asked for
        found = bytearray()
        while not found.endswith(b"\n"):
            wait(pipe.fileno(), select.POLLIN, deadline)
            data = os.read(pipe.fileno(), 65_536)
            if not data or len(found) > MOST_ANSWER_BYTES:
                raise EOFError
            found += data
        return bytes(found)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def wait(number: int, event: int, deadline: float) -> None:
    """Until the pipe can be used, or has ended. Raises TimeoutError."""
    # Not select(), which knows no numbers beyond 1,023: a prober may have more lines open.
    poll = select.poll()
    poll.register(number, event)
    if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
        raise TimeoutError


def _run(line: bytes) -> ScriptAnswer:
    with _lock:
        child = _free.pop() if _free else None
    child = child or Child()
    try:
        answer = read_answer(child.ask(line))
    except TimeoutError:
        child.kill()
        return _failed(f"The script was ended: it took longer than {KILL_AFTER_S:g} s.")
    except (EOFError, OSError):
        # It ran out of memory, or something in it broke the engine.
        child.kill()
        return _failed("The script's process ended by itself: out of memory, or broken.")
    except BaseException:
        child.kill()
        raise
    if child.ran >= SCRIPTS_A_CHILD:
        child.kill()
    else:
        with _lock:
            _free.append(child)
    return answer


def _failed(message: str) -> ScriptAnswer:
    return read_answer(json.dumps({"error": message}).encode())


@atexit.register
def end_children() -> None:
    """Nothing is left behind when a program ends."""
    with _lock:
        ending, _free[:] = list(_free), []
    for child in ending:
        child.kill()
