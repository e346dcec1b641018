"""An index for parts of paths, on days that are closed.

A part of a path is found through its trigrams (PostgreSQL's pg_trgm). Kept up while logs arrive, that index
halves the rate at which they can be copied in; built once a day is over, it costs nobody anything. Where the
server has no pg_trgm, as the embedded one, paths are read through newest first within the time of a search.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from django.db import DatabaseError, ProgrammingError, connection
from psycopg import sql
from psycopg.errors import UndefinedTable

from monitor.lib.locks import only_one
from monitor.models import RequestLog
from monitor.models.partitions import existing_days, partition_name

logger = logging.getLogger(__name__)
TABLE = RequestLog._meta.db_table
# Any number will do. Two builds at once would wait for each other's transactions.
PATH_INDEX_LOCK = 7_120_409
INDEXED = """
SELECT day.relname, index.indisvalid FROM pg_inherits
JOIN pg_class day ON day.oid = inhrelid
JOIN pg_index index ON index.indrelid = day.oid
JOIN pg_class named ON named.oid = index.indexrelid
WHERE inhparent = %s::regclass AND named.relname = day.relname || '_path_trgm'
"""


class Trigrams(StrEnum):
    """Whether this database can index parts of paths."""

    READY = "ready"
    MISSING = "missing"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class PathIndexes:
    """`without` are closed days that have no index yet, newest first."""

    trigrams: Trigrams
    days: int
    without: list[date]

    @property
    def words(self) -> str:
        """For the page that tells how the installation is doing."""
        match self.trigrams:
            case Trigrams.MISSING:
                return "none: this PostgreSQL has no pg_trgm, so parts of paths are searched day by day"
            case Trigrams.REFUSED:
                return "none: an administrator has to run CREATE EXTENSION pg_trgm in this database"
        done = self.days - len(self.without)
        return f"on {done} of {self.days} closed days"


def look_at_path_indexes(*, now: datetime) -> PathIndexes:
    """Changes nothing: whether the extension could be made shows once a worker has tried."""
    closed = closed_days(now=now)
    state = trigrams()
    valid = {name for name, is_valid in indexes() if is_valid}
    return PathIndexes(
        trigrams=state,
        days=len(closed),
        without=[day for day in closed if partition_name(TABLE, day) not in valid],
    )


def index_closed_days(*, now: datetime) -> list[date]:
    """Build what is missing, newest day first, and give those days. Raises AlreadyRunning.

    Safe beside senders and readers: nobody is locked out. Not inside a transaction.
    """
    if make_trigrams() != Trigrams.READY:
        return []
    built: list[date] = []
    with only_one(PATH_INDEX_LOCK):
        drop_broken()
        for day in look_at_path_indexes(now=now).without:
            if build(day):
                built.append(day)
    return built


def closed_days(*, now: datetime) -> list[date]:
    """Newest first. Late logs may still come into them, and are indexed as they come."""
    return [day for day in reversed(existing_days()) if day < now.date()]


def trigrams() -> Trigrams:
    with connection.cursor() as cursor:
        cursor.execute("SELECT installed_version FROM pg_available_extensions WHERE name = 'pg_trgm'")
        row = cursor.fetchone()
    if row is None:
        return Trigrams.MISSING
    return Trigrams.READY if row[0] else Trigrams.REFUSED


def make_trigrams() -> Trigrams:
    """Install the extension if that has not been done. Whoever owns the database may."""
    state = trigrams()
    if state != Trigrams.REFUSED:
        return state
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        # Another worker may have been first, by a moment that IF NOT EXISTS does not see.
        logger.info("pg_trgm could not be made: %s", error)
    return trigrams()


def indexes() -> list[tuple[str, bool]]:
    """The days that have one, by the names of their tables, and whether its build came to its end."""
    with connection.cursor() as cursor:
        cursor.execute(INDEXED, [TABLE])
        return list(cursor.fetchall())


def index_of(table: str) -> sql.Identifier:
    return sql.Identifier(f"{table}_path_trgm")


def drop_broken() -> None:
    """A build that was cut off leaves an index that costs every log and serves no search."""
    for table, is_valid in indexes():
        if not is_valid:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(index_of(table)))


def build(day: date) -> bool:
    """False when the day has gone meanwhile."""
    table = partition_name(TABLE, day)
    # Without the list of what is pending: late logs are few, and a search would read through it.
    statement = "CREATE INDEX CONCURRENTLY {} ON {} USING gin (path gin_trgm_ops) WITH (fastupdate = off)"
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(index_of(table), sql.Identifier(table)))
    except ProgrammingError as error:
        if isinstance(error.__cause__, UndefinedTable):
            return False
        raise
    return True
