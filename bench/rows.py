"""Entries and rows as our own pipeline makes them, for what is measured below the HTTP doors."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from bench.floors.copying import Row, log_row
from bench.traffic import Call
from monitor.ingest import LogItem
from monitor.ingest.entry import Entry, Sender, prepare
from monitor.ingest.naming import names_for
from monitor.ingest.store import make_missing_days
from monitor.lib import payload
from monitor.lib.ids import new_uuid7


def entries_of(calls: Sequence[Call], sender: Sender) -> list[Entry]:
    now = datetime.now(UTC)
    return [prepare(msgspec.convert(call.as_item(), LogItem), sender, now=now) for call in calls]


def fresh(entries: Sequence[Entry]) -> list[Entry]:
    """The same entries as new events of this moment."""
    now = datetime.now(UTC)
    return [replace(entry, id=new_uuid7(), captured_at=now, received_at=now) for entry in entries]


def ready_rows(entries: Sequence[Entry]) -> tuple[list[Row], list[Row]]:
    """Rows of both tables, made, named and packed: nothing is left but to write them."""
    now = datetime.now(UTC)
    names = names_for(entries, now=now)
    make_missing_days({entry.captured_at.date() for entry in entries})
    rows = [log_row(entry, names) for entry in entries]
    return rows, [(entry.id, payload.pack(entry.payload)) for entry in entries if entry.payload]
