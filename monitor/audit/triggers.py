"""Put the triggers on the watched tables, after each migrate: one that was forgotten comes by itself."""

from collections.abc import Mapping
from typing import Any

from django.db import connections
from psycopg import sql

from monitor.audit.watched import WATCHED

TRIGGER = "audit_change"
# tgtype of AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW: row 1, insert 4, delete 8, update 16.
EVERY_ROW = 29


def install_triggers(*, using: str = "default", **_: Any) -> None:
    """Make, change and remove triggers until they are what `WATCHED` says.

    Nothing is locked where they are so already. A table that is not there yet is left out: a migration that
    goes back to an older version ends here, too.
    """
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    there = installed(using)
    for table, watched in WATCHED.items():
        if table in tables and "audit_entry" in tables and there.get(table) != watched.arguments():
            run(
                using,
                "CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION audit_change({arguments})",
                table,
                arguments=sql.SQL(", ").join(map(sql.Literal, watched.arguments())),
            )
    for table in there.keys() - WATCHED.keys():
        run(using, "DROP TRIGGER {trigger} ON {table}", table)


def installed(using: str = "default") -> Mapping[str, tuple[str, ...]]:
    """The arguments of each table's trigger."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgargs FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgname = %s AND t.tgtype = %s AND NOT t.tgisinternal"
            " AND c.relnamespace = current_schema()::regnamespace",
            [TRIGGER, EVERY_ROW],
        )
        return {table: words_of(bytes(arguments)) for table, arguments in cursor.fetchall()}


def words_of(arguments: bytes) -> tuple[str, ...]:
    return tuple(word.decode() for word in arguments.split(b"\0")[:-1])


def run(using: str, statement: str, table: str, **parts: sql.Composable) -> None:
    with connections[using].cursor() as cursor:
        composed = sql.SQL(statement).format(
            trigger=sql.Identifier(TRIGGER), table=sql.Identifier(table), **parts
        )
        cursor.execute(composed.as_string(cursor.connection))
