"""The data folder of one installation: its lock, its generated secrets, and where PostgreSQL may live."""

import fcntl
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from apimonitor.supervisor.account import Account
from apimonitor.supervisor.errors import CannotStart

# For data that must lie where PostgreSQL's account can reach it, when the checkout is behind a closed door.
SYSTEM_FOLDER = Path("/var/lib/apimonitor")
# A fresh cluster takes 60 MB, its write-ahead log grows to 512 MB under load.
FIRST_START_MB = 500
LATER_START_MB = 100


def open_data_folder(data_dir: Path) -> None:
    """Make the data folder. Raises CannotStart when it cannot be made or its disk is nearly full."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / "log").mkdir(mode=0o700, exist_ok=True)
    except PermissionError:
        raise
    except OSError as error:
        raise CannotStart(f"DATA_DIR {data_dir} cannot be used: {error.strerror}.") from None
    needed_mb = LATER_START_MB if (data_dir / "postgres").exists() else FIRST_START_MB
    free_mb = shutil.disk_usage(data_dir).free // 1_000_000
    if free_mb < needed_mb:
        raise CannotStart(
            f"The disk of {data_dir} is nearly full: {free_mb} MB are free and {needed_mb} MB are needed. "
            "Free some, or set DATA_DIR to a folder on another disk."
        )


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Held for as long as this process lives: the kernel lets go of it at a kill -9 too."""

    descriptor: int
    after_crash: bool
    """The last holder did not come to say goodbye: what it started may be ending still."""

    def release(self) -> None:
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def lock(data_dir: Path) -> Lock:
    """Hold the data folder. Raises CannotStart when another supervisor does."""
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    holder = os.read(descriptor, 20).decode()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise CannotStart(
            f"API Monitor already runs on {data_dir} (process {holder or 'unknown'}). Stop it first, "
            "or set DATA_DIR and PORT to run a second one beside it."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return Lock(descriptor=descriptor, after_crash=bool(holder))


def kept_secret(path: Path) -> str:
    """The secret in this file, which is made at the first call and readable by its owner alone."""
    try:
        return path.read_text()
    except FileNotFoundError:
        secret = secrets.token_urlsafe(48)
        # Written aside and renamed: a crash in between must not leave an empty secret for the next start.
        aside = path.with_name(f".{path.name}.new")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secret)
        aside.replace(path)
        return secret


def server_home(data_dir: Path, account: Account) -> Path:
    """The folder in which PostgreSQL keeps its data: `postgres` in the data folder.

    Where its account cannot pass the folders above (a checkout in root's closed home, say) it is a link
    to a folder of its own under /var/lib: nobody's folder is opened to let the server in.
    """
    home = data_dir / "postgres"
    if home.is_symlink() and not home.exists():
        raise CannotStart(f"The data that {home} points at is gone ({os.readlink(home)}).")
    if not home.exists():
        home.mkdir(mode=0o755)
        home.chmod(0o755)
        if not account.reaches(home):
            home.rmdir()
            home.symlink_to(_system_home())
    if not account.reaches(home.resolve()):
        raise CannotStart(
            f"PostgreSQL does not run as root, and the account with id {account.uid} cannot reach {home}. "
            "Start as an ordinary user, or set DATA_DIR to a folder that others may pass."
        )
    return home.resolve()


def _system_home() -> Path:
    try:
        SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        home = Path(tempfile.mkdtemp(dir=SYSTEM_FOLDER))
    except OSError as error:
        raise CannotStart(
            f"PostgreSQL does not run as root, and {SYSTEM_FOLDER} cannot be written: {error.strerror}. "
            "Start as an ordinary user, or set DATA_DIR to a folder that others may pass."
        ) from None
    home.chmod(0o755)
    return home
