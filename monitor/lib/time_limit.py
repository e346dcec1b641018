"""A limit on how long the database may look for what a page shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TookTooLong(Exception):
    """A query was stopped by the server because its time was over."""


@contextmanager
def time_limit(limit: timedelta) -> Iterator[None]:
    """Each query within is stopped by the server after `limit`. Raises TookTooLong.

    Querysets are lazy: read them within the block.
    """
    milliseconds = limit // timedelta(milliseconds=1)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                # For this transaction alone: a pooled connection must not carry it on.
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TookTooLong(f"A query took longer than {limit}.") from error
        raise
