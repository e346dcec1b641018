"""Under which system account PostgreSQL runs: it refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Account:
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    def popen_arguments(self) -> dict[str, Any]:
        """What `subprocess` needs to start a program as this account."""
        if self.is_ours:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this account may pass every folder down to `path`, as the kernel sees it."""
        if self.is_ours:
            return True
        command = ["test", "-x", str(path)]
        return subprocess.run(command, cwd="/", check=False, **self.popen_arguments()).returncode == 0


def for_data(data: Path) -> Account:
    """The account that owns the data or, before there is any, the nearest folder above; never root.

    Where that would be root, it is `nobody`: the one unprivileged account every system has.
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid())
    existing = next(path for path in (data, *data.parents) if path.exists())
    owner = existing.stat()
    if owner.st_uid != 0 and _has_name(owner.st_uid):
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def _has_name(uid: int) -> bool:
    """initdb looks its own account up, and a folder mounted into a container may belong to an unknown one."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
