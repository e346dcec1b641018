"""Keep entries: rows and payloads by COPY, added to the numbers, judged, in one transaction."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from psycopg import errors

from monitor import alerts
from monitor.events import hand_over
from monitor.events.drafting import failed_logs, firing_alerts
from monitor.ingest import naming
from monitor.ingest.closing import close
from monitor.ingest.entry import Entry
from monitor.issues import arrivals as failures
from monitor.lib import payload
from monitor.lib.counting import count_kept
from monitor.lib.span_ids import span_number
from monitor.metrics import deltas
from monitor.models import RequestLog
from monitor.models.partitions import existing_days, make_day

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
# A repeat that was committed by someone else meanwhile shows on the next look; two rounds are the rule.
MAX_ROUNDS = 10

_known_days: set[date] = set()


def forget_days() -> None:
    """Empty this process's knowledge of partitions."""
    _known_days.clear()


def store_batch(entries: Sequence[Entry], *, now: datetime, again: bool = False) -> set[UUID]:
    """Keep the entries once each and judge what is new. Gives the ids that were not kept before.

    Returns after the commit. The entries may be of several senders; those of one id are the same event,
    and the first one is kept. `again` says that an earlier try may have been committed unheard.
    """
    unique = {entry.id: entry for entry in reversed(entries)}
    # In the order of ids: two batches that share events in another order would wait for each other forever.
    batch = sorted(unique.values(), key=lambda entry: entry.id)
    make_missing_days({entry.captured_at.date() for entry in batch})
    names = naming.names_for(batch, now=now)
    with transaction.atomic():
        kept = copy_new(batch, names, careful=again)
        with_payload = [entry for entry in kept if entry.payload]
        if with_payload:
            packed = ((entry.id, payload.pack(entry.payload)) for entry in with_payload)
            copy("log_payload", PAYLOAD_COLUMNS, packed)
        failures.note(kept)
        fired = alerts.judge(kept, now=now, numbers=close(kept, names))
        hand_over([*failed_logs(kept), *firing_alerts(fired, kept)])
    count_kept(new=len(kept), repeated=len(entries) - len(kept))
    deltas.hurry_if_much_waits(len(kept))
    return {entry.id for entry in kept}


def log_row(entry: Entry, names: naming.Names) -> tuple[Any, ...]:
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


def copy_new(entries: list[Entry], names: naming.Names, *, careful: bool) -> list[Entry]:
    """COPY the rows that are not there yet, and give those.

    COPY knows no ON CONFLICT, and repeats are rare: so it goes ahead inside a savepoint and looks for
    the repeats only when the primary key objects. Random ids cannot meet, so most batches need neither.
    """
    if not careful and not any(entry.repeatable for entry in entries):
        copy("request_log", LOG_COLUMNS, (log_row(entry, names) for entry in entries))
        return entries
    for _ in range(MAX_ROUNDS):
        try:
            with transaction.atomic():
                copy("request_log", LOG_COLUMNS, (log_row(entry, names) for entry in entries))
        except IntegrityError as error:
            if not isinstance(error.__cause__, errors.UniqueViolation):
                raise
            ids = [entry.id for entry in entries if careful or entry.repeatable]
            there = set(RequestLog.objects.filter(id__in=ids).values_list("id", flat=True))
            entries = [entry for entry in entries if entry.id not in there]
        else:
            return entries
    raise RuntimeError("Repeats of the same events kept arriving while they were being kept.")


def copy(table: str, columns: dict[str, str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows by binary COPY; the columns' types must be named, as nothing is cast on the way."""
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    # Django translates psycopg's errors for execute(), not for COPY.
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as writer:
        writer.set_types(list(columns.values()))
        for row in rows:
            writer.write_row(row)


def make_missing_days(days: Iterable[date]) -> None:
    """Make the partitions that these days need. Usually the task has made them ahead."""
    missing = set(days) - _known_days
    if not missing:
        return
    _known_days.update(existing_days())
    for day in sorted(missing - _known_days):
        make_day(day)
        _known_days.add(day)
