"""The floor below all: rows that are ready, written by COPY into our tables, one transaction each time."""

import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import psycopg

from monitor.ingest.entry import Entry
from monitor.ingest.naming import Names
from monitor.lib.span_ids import span_number

Row = tuple[Any, ...]
# With their types, as binary COPY casts nothing on the way.
LOG_COLUMNS = {
    "id": "uuid",
    "service_id": "uuid",
    "endpoint_id": "uuid",
    "consumer_id": "uuid",
    "mode": "varchar",
    "environment": "varchar",
    "method": "varchar",
    "url": "text",
    "path": "text",
    "status_code": "int2",
    "latency_ms": "float8",
    "error": "text",
    "tags": "varchar[]",
    "source_ip": "inet",
    "trace_id": "varchar",
    "span_id": "int8",
    "request_bytes": "int4",
    "response_bytes": "int4",
    "captured_at": "timestamptz",
    "received_at": "timestamptz",
}
PAYLOAD_COLUMNS = {"log_id": "uuid", "packed": "bytea"}


def log_row(entry: Entry, names: Names) -> Row:
    """The entry as a row of LOG_COLUMNS."""
    return (
        entry.id,
        entry.service_id,
        names.endpoint_of(entry),
        names.consumer_of(entry),
        entry.mode,
        entry.environment,
        entry.method,
        entry.url,
        entry.path,
        entry.status_code,
        entry.latency_ms,
        entry.error,
        entry.tags,
        ip_address(entry.source_ip) if entry.source_ip else None,
        entry.trace_id,
        span_number(entry.payload.get("span_id")),
        entry.request_bytes,
        entry.response_bytes,
        entry.captured_at,
        entry.received_at,
    )


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
