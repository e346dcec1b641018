"""A limit on how long the database may look for what a page shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TookTooLong(Exception):
    """A query was stopped by the server because its time was over."""


class ReaderLeft(OperationalError):
    """A query was not begun, as nobody waits for its answer any more: see monitor.access.leaving."""


@contextmanager
def time_limit(limit: timedelta, *, workers: bool = True) -> Iterator[None]:
    """Each query within is stopped by the server after `limit`. Raises TookTooLong.

    Querysets are lazy: read them within the block. Without `workers` the server answers by one process: to
    start others takes it 5 ms, more than most questions to rollups. Within another transaction this is left
    as it is.
    """
    is_inner = connection.in_atomic_block
    try:
        with transaction.atomic():
            # For this transaction alone: a pooled connection must not carry it on.
            before = set_statement_timeout(
                max(limit // timedelta(milliseconds=1), 1), tell_old=is_inner, workers=workers
            )
            yield
            if before is not None:
                # A savepoint that is released leaves its settings behind; one that is undone does not.
                set_statement_timeout(before)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TookTooLong(f"A query took longer than {limit}.") from error
        raise


def allow_workers() -> None:
    """Let the rest of the transaction have more processes again, to read many logs."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL max_parallel_workers_per_gather TO DEFAULT")


def set_statement_timeout(timeout: int | str, *, tell_old: bool = False, workers: bool = True) -> str | None:
    """Milliseconds, or the words that this gave before."""
    with connection.cursor() as cursor:
        if not tell_old:
            alone = "" if workers else ", set_config('max_parallel_workers_per_gather', '0', true)"
            cursor.execute(f"SELECT set_config('statement_timeout', %s, true){alone}", [str(timeout)])
            return None
        cursor.execute(
            "WITH before AS MATERIALIZED (SELECT current_setting('statement_timeout') AS value)"
            " SELECT value, set_config('statement_timeout', %s, true) FROM before",
            [str(timeout)],
        )
        value: str = cursor.fetchone()[0]
        return value
