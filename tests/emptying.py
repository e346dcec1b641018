"""Empties the database after a test that committed, as Django's `flush` does and many times as quickly.

`flush` truncates every table, which makes new files for each of them and their indexes, and then makes
content types, permissions and triggers anew. Most tests leave a handful of rows.
"""

from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase

from monitor.audit.triggers import install_triggers

# Of the models, and so the same for every test.
OF_MODELS = ("auth_permission", "django_content_type")
# Deleted rows still take room. From so many bytes of a table on, truncating it is what keeps the next quick.
LARGE_BYTES = 512 * 1024

_of_models: dict[str, str] = {}


def empty_quickly(case: TransactionTestCase | None = None) -> None:
    """In place of the `_fixture_teardown` of a test that commits."""
    if _may_be_quiet() and _are_small() and _of_models == _told_of_models():
        _delete_all()
        install_triggers()
        return
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
    _of_models.clear()
    _of_models.update(_told_of_models())


def _may_be_quiet() -> bool:
    """Whether we may switch triggers off: in the server of a run, and seldom in one that was given."""
    return bool(_ask("SELECT has_parameter_privilege('session_replication_role', 'SET')"))


def _are_small() -> bool:
    return bool(
        _ask(
            "SELECT max(pg_relation_size(oid)) < %s FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace",
            LARGE_BYTES,
        )
    )


def _told_of_models() -> dict[str, str]:
    return {
        table: str(_ask(f"SELECT md5(string_agg(t::text, ' ' ORDER BY id)) FROM {table} t"))  # noqa: S608
        for table in OF_MODELS
    }


def _delete_all() -> None:
    """Without triggers there is no order to keep, and nothing is written down about it."""
    tables = sorted(connection.introspection.django_table_names(only_existing=True, include_views=False))
    quoted = [connection.ops.quote_name(table) for table in tables]
    # Waits for what other programs have under way, as TRUNCATE does.
    lock = f"LOCK TABLE {', '.join(quoted)} IN ACCESS EXCLUSIVE MODE"
    delete = [
        f"DELETE FROM {name}"  # noqa: S608
        for name, table in zip(quoted, tables, strict=True)
        if table not in OF_MODELS
    ]
    connection.ops.execute_sql_flush(
        [";".join(["SET LOCAL session_replication_role = replica", lock, *delete])]
    )


def _ask(statement: str, *values: object) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        row = cursor.fetchone()
    return row and row[0]
