"""What stands between the application and the monitor: a bounded queue, and one thread that empties it.

The request path appends to the queue and returns. The thread starts with the first call, in the process that
made it, so a server may fork as it likes.
"""

import atexit
import contextlib
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

import httpx

from apimonitor_client.call import Call
from apimonitor_client.delivery import Delivered, deliver
from apimonitor_client.options import Options, options_from
from apimonitor_client.spool import Spool, SpoolUnusable
from apimonitor_client.writing import CHANCE, Writer, joined

logger = logging.getLogger("apimonitor_client")
MAX_BATCH_BYTES = 1024 * 1024
FIRST_WAIT_S = 0.5
# Losses are told once in so many seconds.
TELL_S = 60.0


class Reporter:
    """Takes calls and reports them. Nothing it does reaches the application as an exception."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.kept = self.lost = self.refused = 0
        self._spool = Spool(
            options.spool_dir, owner=f"{options.url} {options.key}", most_bytes=options.spool_bytes
        )
        self._told_at = -TELL_S
        self._begin()
        _reporters.add(self)
        if not options.is_complete:
            logger.warning("API Monitor needs a url and a key: no request is reported.")

    def _begin(self) -> None:
        """The state of a process that has reported nothing yet."""
        self._lock = threading.Lock()
        self._queue: deque[Call] = deque()
        self._queued_bytes = 0
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._sending: Sequence[bytes] = ()
        self._thread: threading.Thread | None = None
        self._client: httpx.Client | None = None
        self._writer = Writer(self.options)
        self._away_until = 0.0
        self._tries = 0

    # --- On the request path -------------------------------------------------------------------------------

    def take(self, call: Call) -> None:
        """Queue a call that is over, or count it as lost."""
        options = self.options
        size = held_bytes(call)
        with self._lock:
            waiting = len(self._queue)
            if waiting >= options.max_queued or self._queued_bytes + size > options.max_queued_bytes:
                self.lost += 1
                return
            self._queue.append(call)
            self._queued_bytes += size
            if waiting == 0:
                self._idle.clear()
        if self._thread is None:
            self._start()
        elif waiting + 1 == options.batch_logs:
            self._wake.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="apimonitor-client", daemon=True)
                self._thread.start()

    # --- In the thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait(self.options.flush_s)
            self._wake.clear()
            try:
                self._turn()
            except Exception:
                # Whatever it is, the next round begins anew.
                logger.warning("Reporting failed", exc_info=True)

    def _turn(self) -> None:
        """Send what is queued, then what waits on disk; both go to disk while the monitor is away."""
        while lines := self._next_lines():
            self._send(lines)
        with self._lock:
            if not self._queue:
                self._idle.set()
        if self._may_try():
            self._send_spooled()
        self._tell()

    def _next_lines(self) -> list[bytes]:
        lines: list[bytes] = []
        size = 0
        while self._queue and len(lines) < self.options.batch_logs and size < MAX_BATCH_BYTES:
            with self._lock:
                if not self._queue:
                    break
                call = self._queue.popleft()
                self._queued_bytes -= held_bytes(call)
            try:
                line = self._writer.line(call)
            except Exception:
                # Not sent rather than sent unmasked.
                self.lost += 1
                logger.debug("A request could not be written down", exc_info=True)
                continue
            if line is not None:
                lines.append(line)
                size += len(line)
            # Writing holds the interpreter; the application's threads come first.
            time.sleep(0)
        return lines

    def _may_try(self) -> bool:
        return time.monotonic() >= self._away_until

    def _send(self, lines: Sequence[bytes]) -> None:
        if not self._may_try():
            self._put_aside(lines)
            return
        self._sending = lines
        delivered = self._deliver(lines)
        if delivered.again:
            self._put_aside(delivered.again)
        self._sending = ()

    def _deliver(self, lines: Sequence[bytes]) -> Delivered:
        if self._client is None:
            self._client = httpx.Client(timeout=self.options.timeout_s, follow_redirects=False)
        delivered = deliver(self._client, self.options, lines)
        self.kept += len(lines) - len(delivered.again) - delivered.refused
        if delivered.refused:
            self.refused += delivered.refused
            logger.warning("API Monitor refused %s logs: %s", delivered.refused, delivered.reason)
        if delivered.away:
            self._back_off(delivered)
        else:
            self._tries = 0
        return delivered

    def _back_off(self, delivered: Delivered) -> None:
        if self._tries == 0:
            logger.warning("API Monitor cannot be reached (%s); requests wait on disk.", delivered.reason)
        wait = min(FIRST_WAIT_S * 2**self._tries, self.options.max_retry_s)
        self._tries = min(self._tries + 1, 16)
        asked = min(delivered.wait_s or 0.0, self.options.max_retry_s)
        # Many processes lose the monitor at once, and must not come back at once.
        self._away_until = time.monotonic() + max(asked, wait * CHANCE.uniform(0.5, 1.0))

    def _put_aside(self, lines: Sequence[bytes]) -> None:
        try:
            self.lost += self._spool.keep(joined(lines))
        except SpoolUnusable as error:
            self.lost += len(lines)
            logger.debug("Nothing can wait on disk: %s", error)

    def _send_spooled(self) -> None:
        """Everything on disk, this process's and what others left."""
        if not self._spool.waiting():
            return
        with self._spool.turn() as ours:
            if not ours:
                return
            for file in self._spool.waiting():
                try:
                    lines = file.read_bytes().splitlines()
                except OSError:
                    continue
                delivered = self._deliver(lines) if lines else Delivered()
                if len(delivered.again) == len(lines) and lines:
                    return
                if delivered.again:
                    self._put_aside(delivered.again)
                with contextlib.suppress(OSError):
                    file.unlink()
                if delivered.away:
                    return
                if self._queue:
                    # What happens now is not kept waiting by what happened before.
                    self._wake.set()
                    if len(self._queue) >= self.options.max_queued // 2:
                        return

    def _tell(self) -> None:
        if self.lost and time.monotonic() - self._told_at >= TELL_S:
            self._told_at = time.monotonic()
            logger.warning("%s requests were not reported so far: more waited than may wait.", self.lost)

    # --- At the end ----------------------------------------------------------------------------------------

    def flush(self, within_s: float | None = None) -> bool:
        """Send what is queued now; whether that was done in time. What cannot be sent waits on disk."""
        within_s = self.options.exit_s if within_s is None else within_s
        if self._thread is None:
            return True
        deadline = time.monotonic() + within_s
        while not self._idle.is_set():
            if time.monotonic() > deadline:
                return False
            self._wake.set()
            self._idle.wait(0.02)
        return True

    def close(self) -> None:
        """As `flush`; what is still queued or on its way when the time is over goes to disk."""
        if self.flush():
            return
        # The monitor keeps what it gets twice once.
        if sending := self._sending:
            self._put_aside(sending)
        while lines := self._next_lines():
            self._put_aside(lines)

    def after_fork(self) -> None:
        """In the child: the parent's queue is the parent's to send; its thread and sockets stayed there."""
        # Kept alive unused: closing it here would write into the parent's connections.
        _inherited.append(self._client)
        self.kept = self.lost = self.refused = 0
        self._begin()


def held_bytes(call: Call) -> int:
    """What keeping it costs, roughly."""
    return call.request_size + call.response_size + 1024


_reporters: "weakref.WeakSet[Reporter]" = weakref.WeakSet()
_shared: dict[Options, Reporter] = {}
_shared_lock = threading.Lock()
_inherited: list[Any] = []


def reporter_for(given: dict[str, Any]) -> Reporter:
    """The reporter with these options: one for all who say the same."""
    options = options_from(given)
    with _shared_lock:
        if options not in _shared:
            _shared[options] = Reporter(options)
        return _shared[options]


def flush(within_s: float | None = None) -> bool:
    """Send what all reporters of this process hold; whether that was done in time."""
    done = [reporter.flush(within_s) for reporter in list(_reporters)]
    return all(done)


def close_all() -> None:
    """Send what all reporters of this process hold, and put the rest on disk."""
    for reporter in list(_reporters):
        with contextlib.suppress(Exception):
            reporter.close()


def _forked() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    for reporter in list(_reporters):
        reporter.after_fork()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
