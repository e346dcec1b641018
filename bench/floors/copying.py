"""The floor below all: rows that are ready, written by COPY into our tables, one transaction each time."""

import time
from collections.abc import Sequence
from typing import Any

import psycopg

from monitor.ingest.store import LOG_COLUMNS, PAYLOAD_COLUMNS

Row = tuple[Any, ...]


class Copier:
    """One connection of psycopg's own, so that nothing of Django or of ours is in the way."""

    def __init__(self, database_url: str) -> None:
        self.connection = psycopg.connect(database_url, autocommit=True)

    def keep(self, rows: Sequence[Row], payloads: Sequence[Row]) -> None:
        """Returns after the commit."""
        with self.connection.transaction():
            self._copy("request_log", LOG_COLUMNS, rows)
            self._copy("log_payload", PAYLOAD_COLUMNS, payloads)

    def _copy(self, table: str, columns: dict[str, str], rows: Sequence[Row]) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self.connection.cursor() as cursor, cursor.copy(statement.encode()) as writer:
            writer.set_types(list(columns.values()))
            for row in rows:
                writer.write_row(row)


def copy_rate(database_url: str, rows: Sequence[Row], payloads: Sequence[Row], *, group: int) -> float:
    """Rows for each second, in transactions of `group` rows."""
    copier = Copier(database_url)
    began = time.perf_counter()
    for start in range(0, len(rows), group):
        copier.keep(rows[start : start + group], payloads[start : start + group])
    seconds = time.perf_counter() - began
    copier.connection.close()
    return len(rows) / seconds
