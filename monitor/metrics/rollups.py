"""The rollup table as cells: read, added to, replaced, let go."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from monitor.metrics.cells import Cell, Cells, Key, pack, unpack_into
from monitor.metrics.facts import sized_of
from monitor.metrics.tiles import BLOCKS
from monitor.models.metrics import Family, Resolution, Source

# Whoever changes rollups holds this lock: compaction, repair. Any number will do.
ROLLUP_LOCK = 7_120_402
MINUTES_KEPT = timedelta(hours=48)
HOURS_KEPT = timedelta(days=90)
DAYS_KEPT = timedelta(days=400)
KEPT = {
    Resolution.MINUTE: MINUTES_KEPT,
    Resolution.TEN_MINUTES: MINUTES_KEPT,
    Resolution.HOUR: HOURS_KEPT,
    Resolution.SIX_HOURS: HOURS_KEPT,
    Resolution.DAY: DAYS_KEPT,
    Resolution.FOUR_DAYS: DAYS_KEPT,
    Resolution.SIXTEEN_DAYS: DAYS_KEPT,
}
# Most requests of an hour have a consumer of their own: with 500 consumers the hours of 90 d were half of all
# rows. Six hours are an eighth of them. Where there are many requests for each, hours stay as long as logs:
# see monitor.metrics.hours.
CONSUMERS_KEPT = {**KEPT, Resolution.TEN_MINUTES: timedelta(), Resolution.HOUR: timedelta(days=8)}
# Rows stay an hour longer than they are read, so that clocks may differ.
SLACK = timedelta(hours=1)
ROWS_A_BITE = 5_000
# Spans of a day or less.
WITHIN_A_DAY = tuple(each.value for each in Resolution if each not in BLOCKS)

COLUMNS = (
    "service_id, family, resolution, start, subject, environment, mode, source,"
    " requests, errors, request_bytes, response_bytes, request_sized, response_sized, latency_ms, packed"
)
# The same from requests to packed, of many rows at once: how many told a size is known where each row says.
SUMS = (
    "sum(requests)::int8, sum(errors)::int8, sum(request_bytes)::int8, sum(response_bytes)::int8,"
    " CASE WHEN bool_and(request_sized IS NOT NULL) THEN sum(request_sized)::int8 END,"
    " CASE WHEN bool_and(response_sized IS NOT NULL) THEN sum(response_sized)::int8 END,"
    " sum(latency_ms), NULL::bytea"
)
FIND = (
    f"SELECT {COLUMNS} FROM metric_rollup JOIN unnest(%s::uuid[], %s::text[], %s::text[],"  # noqa: S608
    " %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[])"
    " AS wanted (w_service, w_family, w_resolution, w_start, w_subject, w_environment, w_mode, w_source)"
    " ON service_id = w_service AND family = w_family AND resolution = w_resolution AND start = w_start"
    " AND subject = w_subject AND environment = w_environment AND mode = w_mode AND source = w_source"
)
WRITE = (
    f"INSERT INTO metric_rollup ({COLUMNS})"  # noqa: S608
    " SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[],"
    " %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int8[], %s::int8[], %s::int8[],"
    " %s::int8[], %s::int8[], %s::int8[], %s::float8[], %s::bytea[])"
    " ON CONFLICT (service_id, family, resolution, start, subject, environment, mode, source)"
    " DO UPDATE SET requests = EXCLUDED.requests, errors = EXCLUDED.errors,"
    " request_bytes = EXCLUDED.request_bytes, response_bytes = EXCLUDED.response_bytes,"
    " request_sized = EXCLUDED.request_sized, response_sized = EXCLUDED.response_sized,"
    " latency_ms = EXCLUDED.latency_ms, packed = EXCLUDED.packed"
)


def time_kept(resolution: str, family: str) -> timedelta:
    """How long rows of this kind are kept; nothing where there are none.

    Minutes of totals stay as long as the logs: a chart of a past day then reads 144 rows of a service in
    place of all logs of that day. The other families have a row for each of their subjects.
    """
    if resolution in (Resolution.MINUTE, Resolution.TEN_MINUTES) and family == Family.TOTAL:
        return max(MINUTES_KEPT, timedelta(days=settings.RETENTION_DAYS + 2))
    if family == Family.CONSUMER:
        return CONSUMERS_KEPT[Resolution(resolution)]
    return KEPT[Resolution(resolution)]


def kept_from(resolution: str, family: str, *, now: datetime, hours_from: datetime | None = None) -> datetime:
    """From when on every row of this kind is there. `hours_from`: that of MetricFold."""
    usual = now - time_kept(resolution, family)
    if hours_from is not None and (family, resolution) == HOURS_OF_CONSUMERS:
        return min(usual, max(hours_from, now - long_hours_kept()))
    return usual


HOURS_OF_CONSUMERS = (Family.CONSUMER, Resolution.HOUR)


def long_hours_kept() -> timedelta:
    """How long hours of consumers are kept where they are worth their room: they stand for logs."""
    return timedelta(days=settings.RETENTION_DAYS + 2)


# When MetricFold's hours begin, by the bytes of a service's id.
HoursFrom = Mapping[bytes, datetime | None]


def is_worth_writing(key: Key, *, now: datetime, hours_from: HoursFrom) -> bool:
    """Whether the row would not be removed right away."""
    if not time_kept(key.resolution, key.family):
        return False
    kept = kept_from(key.resolution, key.family, now=now, hours_from=hours_from.get(key.service))
    return key.start >= (kept - SLACK).timestamp()


def key_of(row: Sequence[Any]) -> Key:
    """The key of a row that begins with the columns from service to source."""
    service, family, resolution, start, *rest = row[:8]
    return Key(service.bytes, family, resolution, int(start.timestamp()), *rest)


def add_row(cell: Cell, counts: Sequence[Any]) -> None:
    """Add a row's columns from requests to packed. `packed` may be null in sums over rows."""
    requests, errors, request_bytes, response_bytes, request_sized, response_sized, latency_ms, packed = (
        counts
    )
    cell.requests += requests
    cell.errors += errors
    cell.request_bytes += request_bytes
    cell.response_bytes += response_bytes
    cell.request_sized += sized_of(request_sized, requests, request_bytes)
    cell.response_sized += sized_of(response_sized, requests, response_bytes)
    if (request_sized is None and request_bytes) or (response_sized is None and response_bytes):
        cell.is_sized = False
    if packed is not None:
        unpack_into(cell, packed, latency_ms=latency_ms)


def cell_of(counts: Sequence[Any]) -> Cell:
    """The cell of such columns."""
    cell = Cell()
    add_row(cell, counts)
    return cell


def columns_of(keys: Collection[Key]) -> list[list[Any]]:
    """Keys as eight arrays."""
    return [
        [UUID(bytes=key.service) for key in keys],
        [key.family for key in keys],
        [key.resolution for key in keys],
        [datetime.fromtimestamp(key.start, tz=UTC) for key in keys],
        [key.subject for key in keys],
        [key.environment for key in keys],
        [key.mode for key in keys],
        [key.source for key in keys],
    ]


def bites(keys: Iterable[Key]) -> Iterable[list[Key]]:
    rest = iter(keys)
    while bite := list(islice(rest, ROWS_A_BITE)):
        yield bite


def find(keys: Iterable[Key]) -> Cells:
    """The cells of these keys that are there."""
    found: Cells = {}
    with connection.cursor() as cursor:
        for bite in bites(keys):
            cursor.execute(FIND, columns_of(bite))
            for row in cursor.fetchall():
                found[key_of(row)] = cell_of(row[8:])
    return found


def write(cells: Cells) -> None:
    """Put these cells in the place of those of the same keys. The caller holds ROLLUP_LOCK."""
    with connection.cursor() as cursor:
        for bite in bites(cells):
            written = [cells[key] for key in bite]
            cursor.execute(
                WRITE,
                [
                    *columns_of(bite),
                    [cell.requests for cell in written],
                    [cell.errors for cell in written],
                    [cell.request_bytes for cell in written],
                    [cell.response_bytes for cell in written],
                    [cell.request_sized if cell.is_sized else None for cell in written],
                    [cell.response_sized if cell.is_sized else None for cell in written],
                    [cell.latencies.total for cell in written],
                    [pack(cell) for cell in written],
                ],
            )


def add(cells: Cells) -> None:
    """Add these cells to those that are there. The caller holds ROLLUP_LOCK, so nobody adds beside it."""
    there = find(cells)
    for key, cell in there.items():
        cell.merge(cells[key])
    write(cells | there)


def remove(keys: Iterable[Key]) -> None:
    """Remove the cells of these keys. The caller holds ROLLUP_LOCK."""
    statement = (
        "DELETE FROM metric_rollup USING unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[],"
        " %s::text[], %s::text[], %s::text[], %s::text[]) AS gone (a, b, c, d, e, f, g, h)"
        " WHERE service_id = a AND family = b AND resolution = c AND start = d AND subject = e"
        " AND environment = f AND mode = g AND source = h"
    )
    with connection.cursor() as cursor:
        for bite in bites(keys):
            cursor.execute(statement, columns_of(bite))


def remove_old(*, now: datetime) -> int:
    """Remove the rows that are past their time, in bites. Gives how many went."""
    removed = 0
    for family in Family.values:
        for resolution in Resolution.values:
            before = kept_from(resolution, family, now=now) - SLACK
            while went := _remove_bite(family, resolution, before, now=now):
                removed += went
    return removed


def _remove_bite(family: str, resolution: str, before: datetime, *, now: datetime) -> int:
    stays, params = "", list[Any]()
    if (family, resolution) == HOURS_OF_CONSUMERS:
        stays = (
            " AND NOT EXISTS (SELECT FROM metric_fold WHERE metric_fold.service_id = metric_rollup.service_id"
            " AND start >= greatest(hours_from, %s) - %s AND hours_from IS NOT NULL)"
        )
        params = [now - long_hours_kept(), SLACK]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM metric_rollup WHERE ctid IN (SELECT ctid FROM metric_rollup"  # noqa: S608 - our own words
            f" WHERE resolution = %s AND start < %s AND family = %s{stays} LIMIT %s)",
            [resolution, before, family, *params, ROWS_A_BITE],
        )
        return int(cursor.rowcount)


def find_within(
    service_id: UUID,
    since: datetime,
    until: datetime,
    *,
    family: Family | None = None,
    sources: Sequence[str] = (Source.LOGS.value,),
    resolutions: Sequence[str] = WITHIN_A_DAY,
) -> Cells:
    """All cells of a service that start within a span, or those of one family; of those counted from logs,
    unless other sources are named, and of a day or less, unless other resolutions are."""
    families = Family.values if family is None else [family.value]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM metric_rollup WHERE service_id = %s AND source = ANY(%s)"  # noqa: S608
            " AND family = ANY(%s) AND resolution = ANY(%s) AND start >= %s AND start < %s",
            [service_id, list(sources), families, list(resolutions), since, until],
        )
        return {key_of(row): cell_of(row[8:]) for row in cursor.fetchall()}
