"""How much room the database takes, and how much is left."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Bytes. `free` is None where the database is on a disk that this process cannot see."""

    database: int
    free: int | None

    @property
    def over_limit(self) -> str:
        """Why the oldest day has to go, or an empty text."""
        most, least = settings.MAX_DATABASE_BYTES, settings.MIN_FREE_DISK_BYTES
        if most and self.database > most:
            return f"the database takes {mebibytes(self.database)} of the {mebibytes(most)} it may take"
        if least and self.free is not None and self.free < least:
            return f"the disk has {mebibytes(self.free)} left of the {mebibytes(least)} that shall stay free"
        return ""


def mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MiB"


def look_at_disk() -> Disk:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size = int(cursor.fetchone()[0])
    return Disk(database=size, free=free_of_embedded())


def free_of_embedded() -> int | None:
    """What the embedded PostgreSQL's disk has left, or None when the database is another one.

    It is reached through a socket, and its data folder is ours; a server elsewhere is on a disk of its own.
    """
    if not str(connection.settings_dict["HOST"]).startswith("/"):
        return None
    folder: Path = settings.DATA_DIR / "postgres"
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
