"""Write down what was used, in the transaction of what used it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

from monitor.lib import pgarrays

# Part of the statement that keeps logs (`ingest/rows.py`); takes what `uses_of` gives.
LOGS = (
    "used AS (INSERT INTO usage_delta (organization_id, key_id, mode, day, logs, bytes)"
    " SELECT unnest(%(users)b), unnest(%(user_keys)b), unnest(%(user_modes)b), unnest(%(use_days)b),"
    " unnest(%(used_logs)b), unnest(%(used_bytes)b) FROM guard WHERE ok)"
)
# Part of the statement that each transaction of checks ends with: organization, day and number, as JSON.
CHECKS = (
    "INSERT INTO usage_delta (organization_id, mode, day, requests, replays, checks, deliveries)"
    " SELECT organization_id, 'live', day, 0, 0, checks, 0 FROM json_to_recordset(%(used)s::json)"
    " AS t(organization_id uuid, day date, checks int8)"
)
RECORD = """
INSERT INTO usage_delta (organization_id, key_id, mode, day, requests, replays, checks, deliveries)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::date[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[])
"""


class Kept(Protocol):
    """A log, as usage sees it."""

    @property
    def organization_id(self) -> UUID: ...
    @property
    def key_id(self) -> UUID | None: ...
    @property
    def mode(self) -> str: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def request_bytes(self) -> int | None: ...
    @property
    def response_bytes(self) -> int | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """What was used by one key of one organization."""

    organization_id: UUID
    day: date
    key_id: UUID | None = None
    mode: str = ""
    requests: int = 0
    replays: int = 0
    checks: int = 0
    deliveries: int = 0


def record_use(uses: Iterable[Use]) -> None:
    """In the caller's transaction: with what was used, or not at all."""
    rows = [
        (
            use.organization_id,
            use.key_id,
            use.mode,
            use.day,
            use.requests,
            use.replays,
            use.checks,
            use.deliveries,
        )
        for use in uses
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(RECORD, [list(column) for column in zip(*rows, strict=True)])


def uses_of(logs: Sequence[Kept]) -> dict[str, pgarrays.Array]:
    """What these logs use, as LOGS takes it."""
    organizations, keys, modes, days, amounts, sizes = columns_of(logs)
    return {
        "users": pgarrays.uuids(organizations),
        "user_keys": pgarrays.uuids(keys),
        "user_modes": pgarrays.texts(modes),
        "use_days": pgarrays.days(days),
        "used_logs": pgarrays.int8s(amounts),
        "used_bytes": pgarrays.int8s(sizes),
    }


def columns_of(logs: Sequence[Kept]) -> list[list[Any]]:
    """What these logs use, a row a sender, as columns. On the way of every log: well below 1 us each.

    Senders are told apart by the objects that name them, as UUIDs hash in Python; two of the same key give
    two rows, which are added up all the same.
    """
    rows: dict[tuple[int, int, str, int], list[Any]] = {}
    for log in logs:
        received_at = log.received_at
        sender = (id(log.organization_id), id(log.key_id), log.mode, received_at.toordinal())
        row = rows.get(sender)
        if row is None:
            row = rows[sender] = [log.organization_id, log.key_id, log.mode, received_at.date(), 0, 0]
        row[4] += 1
        row[5] += (log.request_bytes or 0) + (log.response_bytes or 0)
    return [list(column) for column in zip(*rows.values(), strict=True)]
