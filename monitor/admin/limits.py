"""A time limit for what a page asks of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TookTooLong(Exception):
    """A statement ran into its time limit; a narrower question may be answered."""


@contextmanager
def time_limit(limit: timedelta) -> Iterator[None]:
    """Statements within end after this long. Raises TookTooLong, with the transaction intact outside.

    Without it a filter that matches nothing would read every log that is kept, and hold one of the few
    threads that also take logs in.
    """
    milliseconds = limit // timedelta(milliseconds=1)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{milliseconds}ms"])
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TookTooLong from error
        raise
