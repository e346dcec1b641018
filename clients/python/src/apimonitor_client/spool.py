"""Batches that wait on disk while the monitor is away, within bounds, for this process or the next.

A folder of files, one a batch. A file appears whole (written aside, then renamed). One process at a time
sends what waits: it holds the folder's lock. Whoever ends in the middle leaves the file, and the monitor
keeps each log once by its event id.
"""

import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows; two processes may then send one batch, which is kept once all the same
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".ndjson"


class SpoolUnusable(Exception):
    """The folder cannot be trusted or written."""


class Spool:
    """The batches for one monitor and key."""

    def __init__(self, folder: str, *, owner: str, most_bytes: int) -> None:
        self._folder = Path(folder) / hashlib.sha256(owner.encode()).hexdigest()[:16]
        self._most_bytes = most_bytes

    @property
    def is_on(self) -> bool:
        return self._most_bytes > 0

    def keep(self, batch: bytes) -> int:
        """Write a batch. Gives the number of older logs that had to go for it. Raises SpoolUnusable."""
        if not self.is_on or len(batch) > self._most_bytes:
            raise SpoolUnusable("There is no room for the batch.")
        try:
            self._open()
            lost = self._make_room(len(batch))
            name = f"{time.time_ns():020}-{secrets.token_hex(4)}"
            aside = self._folder / f"{name}.part"
            with open(aside, "xb", opener=_private) as file:
                file.write(batch)
            aside.rename(self._folder / f"{name}{SUFFIX}")
        except OSError as error:
            raise SpoolUnusable(f"{self._folder}: {error.strerror}") from None
        return lost

    def waiting(self) -> list[Path]:
        """The batches, oldest first."""
        try:
            return sorted(self._folder.glob(f"*{SUFFIX}"))
        except OSError:
            return []

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether it is this process's turn to send what waits."""
        if fcntl is None:
            yield True
            return
        try:
            self._open()
            descriptor = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except (OSError, SpoolUnusable):
            yield False
            return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _open(self) -> None:
        """Make the folder. Others may not read what waits, nor put something there that we would send."""
        for folder in (self._folder.parent, self._folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode):
                raise SpoolUnusable(f"{folder} is no folder.")
            if hasattr(os, "getuid") and (found.st_uid not in (0, os.getuid()) or found.st_mode & 0o002):
                raise SpoolUnusable(f"{folder} can be written by others.")

    def _make_room(self, size: int) -> int:
        """Let the oldest batches go until this many bytes fit. Gives the number of logs in them."""
        files = []
        for file in self.waiting():
            try:
                files.append((file, file.stat().st_size))
            except OSError:
                continue
        total, lost = sum(each for _, each in files), 0
        for file, each in files:
            if total + size <= self._most_bytes:
                break
            try:
                lost += file.read_bytes().count(b"\n")
                file.unlink()
            except OSError:
                continue
            total -= each
        return lost


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
