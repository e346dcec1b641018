"""Rewrite a day without its expired logs: the rows to keep go into new tables, which take its place.

Late logs may come into the day, and a removed service's logs may go out of it, all the time. So a trigger
notes the ids of what changes; what was noted is brought over again and again, the last time under the one
lock that shuts everybody out, for as long as the renaming takes. Nothing that was acknowledged is lost.

A transaction that is REPEATABLE READ, and first looks into the day after the swap, finds it empty: PostgreSQL
shows it no rows that are younger than itself. Ours are all READ COMMITTED.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg import sql

from monitor.lib.ids import uuid7_floor
from monitor.lib.locks import patiently
from monitor.models.partitions import (
    PARTITIONED_TABLES,
    lock_all_days,
    partition_name,
    start_of,
)
from monitor.retention.policy import EXPIRED, Expiry, locked_expiry

LOGS, PAYLOADS = PARTITIONED_TABLES
KEY_OF = {LOGS: "id", PAYLOADS: "log_id"}
TRIGGER = "note_changed_log"
IDS_A_ROUND = 5_000
# With this many left to bring over, the lock is short enough.
FEW_IDS = 500
MAX_ROUNDS = 1_000
BOUNDS = "within_the_day"
# Which of the noted logs, `ids`, go into the new tables.
STILL_THERE = {
    LOGS: "INSERT INTO {kept} SELECT * FROM {old} WHERE {key} = ANY(%(ids)s::uuid[]) AND NOT {expired}",
    PAYLOADS: "INSERT INTO {kept} SELECT * FROM {old} WHERE {key} = ANY(%(ids)s::uuid[])"
    " AND {key} IN (SELECT id FROM {logs})",
}


class RetentionChanged(Exception):
    """A service's retention was made longer meanwhile. The day stayed as it was; plan again."""


def rewrite_day(expiry: Expiry, *, now: datetime) -> None:
    """Leave in the day what has not expired. Raises RetentionChanged or StillLocked, with all as it was."""
    day = expiry.day
    forget_rewrite(day)
    patiently(lambda: watch(day))
    try:
        with transaction.atomic():
            copy_kept(expiry)
        for table in PARTITIONED_TABLES:
            build_indexes(table, day)
        catch_up(expiry)
        patiently(lambda: swap(expiry, now=now))
    except BaseException:
        forget_rewrite(day)
        raise


def kept_name(table: str, day: date) -> str:
    """The table that is going to be the day."""
    return f"{partition_name(table, day)}_kept"


def execute(statement: str, names: dict[str, str], arguments: Mapping[str, Any] | None = None) -> int:
    """Run a statement with `names` as identifiers and EXPIRED as `expired`; how many rows it took."""
    identifiers = {name: sql.Identifier(value) for name, value in names.items()}
    composed = sql.SQL(statement).format(**identifiers, expired=sql.SQL(EXPIRED))
    with connection.cursor() as cursor:
        cursor.execute(composed, arguments)
        return int(cursor.rowcount)


def forget_rewrite(day: date) -> None:
    """Remove what a rewrite that was broken off has left."""

    def forget() -> None:
        for table in PARTITIONED_TABLES:
            execute("DROP TABLE IF EXISTS {kept}", {"kept": kept_name(table, day)})
        execute(f"DROP TRIGGER IF EXISTS {TRIGGER} ON {{logs}}", {"logs": partition_name(LOGS, day)})
        execute("DELETE FROM {changes}", {"changes": "retention_change"})

    patiently(forget)


def watch(day: date) -> None:
    """From here on, each log that comes or goes is noted. Waits for those who are writing now, so whoever
    is not noted is committed before the copy begins."""
    execute(
        f"CREATE TRIGGER {TRIGGER} AFTER INSERT OR UPDATE OR DELETE ON {{logs}}"
        " FOR EACH ROW EXECUTE FUNCTION note_changed_log()",
        {"logs": partition_name(LOGS, day)},
    )


def copy_kept(expiry: Expiry) -> None:
    """Make the new tables and fill them, oldest first, while all else goes on."""
    for table in PARTITIONED_TABLES:
        names = {"kept": kept_name(table, expiry.day), "old": partition_name(table, expiry.day)}
        execute("CREATE TABLE {kept} (LIKE {old} INCLUDING ALL EXCLUDING INDEXES)", names)
    names = {
        "logs": partition_name(LOGS, expiry.day),
        "payloads": partition_name(PAYLOADS, expiry.day),
        "kept_logs": kept_name(LOGS, expiry.day),
        "kept_payloads": kept_name(PAYLOADS, expiry.day),
    }
    execute(
        "INSERT INTO {kept_logs} SELECT * FROM {logs} WHERE NOT {expired} ORDER BY id",
        names,
        expiry.arguments,
    )
    execute(
        "INSERT INTO {kept_payloads} SELECT payload.* FROM {payloads} payload"
        " JOIN {kept_logs} ON id = log_id ORDER BY log_id",
        names,
    )


def build_indexes(table: str, day: date) -> None:
    """The old table's indexes on the new one, those that are this day's alone among them.

    Made after the rows, in a third of the time; and complete before the table is attached, as attaching
    builds what is missing under its lock.
    """
    kept = kept_name(table, day)
    for place, index in enumerate(indexes_of(partition_name(table, day))):
        name = f"{kept}_{place}"
        # A definition is the database's own text; its braces ('{}', an empty array) are no places to fill.
        definition = index.definition.replace("{", "{{").replace("}", "}}")
        unique = "UNIQUE " if index.is_unique else ""
        execute(
            f"CREATE {unique}INDEX {{name}} ON {{kept}} USING {definition}",
            {"name": name, "kept": kept},
        )
        if index.is_primary:
            execute("ALTER TABLE {kept} ADD PRIMARY KEY USING INDEX {name}", {"kept": kept, "name": name})
    # Attaching believes a constraint that says the same as the bounds, instead of reading the whole table.
    with connection.cursor() as cursor:
        bounds = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({key} >= {} AND {key} < {})").format(
            sql.Identifier(kept),
            sql.Identifier(BOUNDS),
            *(sql.Literal(each) for each in bounds_of(day)),
            key=sql.Identifier(KEY_OF[table]),
        )
        cursor.execute(bounds)
    execute("ANALYZE {kept}", {"kept": kept})


def bounds_of(day: date) -> tuple[UUID, UUID]:
    return uuid7_floor(start_of(day)), uuid7_floor(start_of(day + timedelta(days=1)))


@dataclass(frozen=True, kw_only=True)
class DayIndex:
    """An index of one day. `definition` is what follows USING."""

    name: str
    definition: str
    is_unique: bool
    is_primary: bool


def indexes_of(table: str) -> list[DayIndex]:
    """In the order of their definitions, so that two tables with the same ones list them alike."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT class.relname, pg_get_indexdef(indexrelid), indisunique, indisprimary FROM pg_index"
            " JOIN pg_class class ON class.oid = indexrelid"
            " WHERE indrelid = to_regclass(%s) AND indisvalid",
            [table],
        )
        indexes = [
            DayIndex(
                name=name, definition=text.split(" USING ", 1)[1], is_unique=is_unique, is_primary=is_primary
            )
            for name, text, is_unique, is_primary in cursor
        ]
    return sorted(indexes, key=lambda index: (index.definition, not index.is_primary))


def catch_up(expiry: Expiry, *, leave: int = FEW_IDS) -> None:
    """Bring over what has changed since, round by round, until hardly anything is left."""
    for _ in range(MAX_ROUNDS):
        with transaction.atomic():
            if bring_over(expiry) <= leave:
                return


def bring_over(expiry: Expiry) -> int:
    """Bring one round of noted changes over, and give how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM retention_change WHERE ctid IN (SELECT ctid FROM retention_change LIMIT %s)"
            " RETURNING log_id",
            [IDS_A_ROUND],
        )
        noted = [log_id for (log_id,) in cursor]
    if noted:
        bring(expiry, noted)
    return len(noted)


def bring(expiry: Expiry, ids: Sequence[UUID]) -> None:
    """Make the new tables hold of these logs what the old ones hold, unless it has expired.

    The rows are read after the notes, so each is at least as new as its note.
    """
    noted = {"ids": list(ids)}
    for table, key in KEY_OF.items():
        names = {
            "kept": kept_name(table, expiry.day),
            "old": partition_name(table, expiry.day),
            "logs": kept_name(LOGS, expiry.day),
            "key": key,
        }
        execute("DELETE FROM {kept} WHERE {key} = ANY(%(ids)s::uuid[])", names, noted)
        execute(STILL_THERE[table], names, {**expiry.arguments, **noted})


def swap(expiry: Expiry, *, now: datetime) -> None:
    """Put the new tables in the place of the old ones. Raises RetentionChanged."""
    lock_all_days()
    if not expiry <= locked_expiry(expiry, now=now):
        raise RetentionChanged
    # Whoever wrote has committed by now, and nobody else can begin: this is all.
    while bring_over(expiry):
        pass
    for table in PARTITIONED_TABLES:
        put_in_place(table, expiry.day)


def put_in_place(table: str, day: date) -> None:
    name, kept = partition_name(table, day), kept_name(table, day)
    index_names = [index.name for index in indexes_of(name)]
    execute("DROP TABLE {old}", {"old": name})
    execute("ALTER TABLE {kept} RENAME TO {name}", {"kept": kept, "name": name})
    # So that who looks for an index by its name finds it, and the next rewrite finds its names free.
    for index, index_name in zip(indexes_of(name), index_names, strict=True):
        execute("ALTER INDEX {made} RENAME TO {name}", {"made": index.name, "name": index_name})
    since, until = bounds_of(day)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(table), sql.Identifier(name), sql.Literal(since), sql.Literal(until)
            )
        )
    execute(f"ALTER TABLE {{name}} DROP CONSTRAINT {BOUNDS}", {"name": name})
