"""Rows in the bytes of binary COPY, with gaps where each row differs from its template.

Writing a row of 19 values through psycopg takes 15 us; joining a dozen pieces takes one.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from psycopg.adapt import Transformer
from psycopg.pq import Format

from bench.floors.copying import LOG_COLUMNS, Row

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ID_DIGITS = 6
TRACE_DIGITS = 32


@dataclass(frozen=True, kw_only=True)
class LogForm:
    """A row of request_log cut at what changes. `fill` joins it; `number` is the id within path and url."""

    start: bytes
    before_latency: Callable[[bytes], bytes]
    before_trace: bytes
    after_trace: bytes
    has_trace: bool

    def fill(self, *, id: bytes, number: bytes, latency: bytes, trace: bytes, moment: bytes) -> bytes:
        return b"".join(
            (
                *(self.start, id, self.before_latency(number), latency, self.before_trace),
                *(trace if self.has_trace else b"", self.after_trace, moment, b"\0\0\0\x08", moment),
            )
        )


def form_of(row: Row, *, number: str | None) -> LogForm:
    """The form of a row as the product's pipeline made it; `number` is what stands for an id in its path."""
    values = dict(zip(LOG_COLUMNS, wire_values(row, LOG_COLUMNS), strict=True))
    names = list(LOG_COLUMNS)
    latency, trace, moment = (names.index(name) for name in ("latency_ms", "trace_id", "captured_at"))
    fields = [framed(values[name]) for name in names]
    varying = b"".join(fields[1:latency]) + b"\0\0\0\x08"
    if number is None:
        filled: Callable[[bytes], bytes] = lambda number: varying  # noqa: E731 - a constant in its place
    else:
        pieces = varying.split(number.encode())
        filled = lambda number: number.join(pieces)  # noqa: E731 - it closes over its pieces
    has_trace = bool(values["trace_id"])
    return LogForm(
        start=struct.pack(">hi", len(names), 16),
        before_latency=filled,
        before_trace=b"".join(fields[latency + 1 : trace]) + struct.pack(">i", TRACE_DIGITS * has_trace),
        after_trace=b"".join(fields[trace + 1 : moment]) + b"\0\0\0\x08",
        has_trace=has_trace,
    )


def wire_values(row: Row, columns: Mapping[str, str]) -> Sequence[bytes | None]:
    """The row's values as psycopg writes them in binary COPY."""
    connection.ensure_connection()
    transformer = Transformer(connection.connection)
    types = connection.connection.adapters.types
    transformer.set_dumper_types([types.get_oid(name) for name in columns.values()], Format.BINARY)
    return [None if value is None else bytes(value) for value in transformer.dump_sequence(row, [])]


def framed(value: bytes | None) -> bytes:
    return NULL if value is None else struct.pack(">i", len(value)) + value


def payload_row(id: bytes, packed: bytes) -> bytes:
    return struct.pack(">hi", 2, 16) + id + framed(packed)


def wire_moment(moment: datetime) -> bytes:
    return struct.pack(">q", (moment - POSTGRES_EPOCH) // MICROSECOND)
