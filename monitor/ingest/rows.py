"""The one statement that keeps logs: rows, payloads, and all that rooms note of them.

One prepared statement, which is a transaction by itself when nothing else is to be written: as BEGIN, two
COPYs, a statement of notes and COMMIT, a single log cost four times as much and one of sixteen 1.7 times
(measured). COPY is ahead from a thousand rows on, by less than what it saves is then worth.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from monitor.alerts import rulebook
from monitor.events import record as outbox
from monitor.events.draft import Draft
from monitor.ingest.entry import Entry
from monitor.ingest.naming import Names
from monitor.issues import arrivals as failures
from monitor.lib import payload, pgarrays
from monitor.lib.rows import run
from monitor.lib.span_ids import span_number
from monitor.metrics import deltas, facts
from monitor.models import arrivals
from monitor.models.dictionaries import newest_dictionary
from monitor.usage import record as usage


class Column(NamedTuple):
    """How a column of `request_log` is filled: from which values, sent as what, and cast to what."""

    values: Callable[[Sequence[Entry], Names], Iterable[Any]]
    pack: Callable[[Iterable[Any]], pgarrays.Array]
    cast: str = ""


def attribute(name: str) -> Callable[[Sequence[Entry], Names], Iterable[Any]]:
    get = attrgetter(name)
    return lambda entries, names: map(get, entries)


LOG_COLUMNS: Mapping[str, Column] = {
    "id": Column(attribute("id"), pgarrays.uuids),
    "service_id": Column(attribute("service_id"), pgarrays.uuids),
    "endpoint_id": Column(lambda entries, names: names.endpoints_of(entries), pgarrays.uuids),
    "consumer_id": Column(lambda entries, names: names.consumers_of(entries), pgarrays.uuids),
    "mode": Column(attribute("mode"), pgarrays.words),
    "environment": Column(attribute("environment"), pgarrays.words),
    "method": Column(attribute("method"), pgarrays.words),
    "url": Column(attribute("url"), pgarrays.texts),
    "path": Column(attribute("path"), pgarrays.texts),
    "status_code": Column(attribute("status_code"), pgarrays.int2s),
    "latency_ms": Column(attribute("latency_ms"), pgarrays.float8s),
    "error": Column(attribute("error"), pgarrays.words),
    "tags": Column(
        lambda entries, names: [pgarrays.array_literal(entry.tags) for entry in entries],
        pgarrays.words,
        "::varchar[]",
    ),
    "source_ip": Column(attribute("source_ip"), pgarrays.addresses),
    "trace_id": Column(attribute("trace_id"), pgarrays.texts),
    "span_id": Column(
        lambda entries, names: [span_number(entry.payload.get("span_id")) for entry in entries],
        pgarrays.int8s,
    ),
    "request_bytes": Column(attribute("request_bytes"), pgarrays.int4s),
    "response_bytes": Column(attribute("response_bytes"), pgarrays.int4s),
    "captured_at": Column(attribute("captured_at"), pgarrays.moments),
    "received_at": Column(attribute("received_at"), pgarrays.moments),
}
# `unnest` stands among what is selected, and not among tables: there PostgreSQL would first write all down.
LOGS = (
    f"logs AS (INSERT INTO request_log ({', '.join(LOG_COLUMNS)}) SELECT "  # noqa: S608 - our own words
    + ", ".join(f"unnest(%({name})b){column.cast}" for name, column in LOG_COLUMNS.items())
    + " FROM guard WHERE ok)"
)
PAYLOADS = (
    "payloads AS (INSERT INTO log_payload (log_id, packed)"
    " SELECT unnest(%(payload_ids)b), unnest(%(payloads)b) FROM guard WHERE ok)"
)
KEEP = "WITH " + ", ".join(
    [
        rulebook.GUARD,
        LOGS,
        PAYLOADS,
        arrivals.NOTE_IF_WATCHED,
        failures.NOTE,
        deltas.ADD,
        usage.LOGS,
        outbox.HAND_OVER,
    ]
)
KEEP += " SELECT ok FROM guard"


def write(
    entries: Sequence[Entry], names: Names, *, quiet_by: Mapping[UUID, int] | None, told: Sequence[Draft] = ()
) -> bool:
    """Write the entries, what they add to the numbers and to what was used, which of them failed, and what
    other programs are told of them.

    With `quiet_by`, only when the rules of their services still have these numbers; otherwise nothing is
    written and it gives False. Raises IntegrityError when one of the entries is there already.
    """
    judged = quiet_by or {}
    services = list({id(entry.service_id): entry.service_id for entry in entries}.values())
    with_payload = [entry for entry in entries if entry.payload]
    values = {name: column.pack(column.values(entries, names)) for name, column in LOG_COLUMNS.items()}
    values |= usage.uses_of(entries)
    values |= {
        "payload_ids": pgarrays.uuids(entry.id for entry in with_payload),
        "payloads": pgarrays.blobs(
            payload.pack(entry.payload, newest_dictionary(entry.organization_id)) for entry in with_payload
        ),
        "services": pgarrays.uuids(services),
        "judged": pgarrays.uuids(judged),
        "judged_by": pgarrays.int8s(judged.values()),
        "failures": failures.notes_of(entries),
        "told": outbox.outbox_of(told),
    }
    single = {
        "ids": arrivals.packed(entry.id for entry in entries),
        "facts": facts.pack(entries, names),
        "unguarded": quiet_by is None,
    }
    [[is_written]] = run(KEEP, {**values, **single})
    return bool(is_written)
