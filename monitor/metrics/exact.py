"""Numbers counted from the logs themselves, by one statement."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from monitor.metrics.cells import Answers
from monitor.metrics.gather import GROUPS, Slot, lean
from monitor.metrics.numbers import Numbers
from monitor.metrics.question import GroupBy
from monitor.metrics.tiles import EPOCH
from monitor.models.logs import RequestLogQuerySet


def count(
    logs: RequestLogQuerySet,
    *,
    ranks: Sequence[float],
    by: GroupBy | None = None,
    step: timedelta | None = None,
) -> dict[Slot, Numbers]:
    """The logs in numbers, in groups and steps when asked for; percentiles by percentile_cont.

    Reads every log: the caller limits its time.
    """
    inner, params = lean(logs)
    start = "date_bin(%s, captured_at, %s)" if step else "NULL::timestamptz"
    statement = (
        f"WITH matched AS MATERIALIZED (SELECT {start} AS slot_start, {GROUPS[by]} AS slot_group, method,"  # noqa: S608 - our own words
        f" status_code, latency_ms, has_failed, request_bytes, response_bytes FROM ({inner}) AS logs)"
        " SELECT slot_start, slot_group, NULL, NULL, count(*), count(*) FILTER (WHERE has_failed),"
        " coalesce(sum(request_bytes), 0), coalesce(sum(response_bytes), 0), count(request_bytes),"
        " count(response_bytes), avg(latency_ms),"
        " percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY latency_ms)"
        " FROM matched GROUP BY slot_start, slot_group"
        " UNION ALL"
        " SELECT slot_start, slot_group, method, status_code, count(*), NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL"
        " FROM matched GROUP BY slot_start, slot_group, method, status_code"
    )
    window: list[Any] = [step, EPOCH] if step else []
    with connection.cursor() as cursor:
        cursor.execute(statement, [*window, *params, list(ranks)])
        return numbers_of(cursor.fetchall(), ranks)


def latencies(
    logs: RequestLogQuerySet, *, ranks: Sequence[float]
) -> tuple[int, float | None, tuple[float | None, ...]]:
    """How many logs there are, their mean latency and its percentiles: half the work of `count`."""
    inner, params = lean(logs)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), avg(latency_ms),"  # noqa: S608 - the ORM's own words
            " percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY latency_ms)"
            f" FROM ({inner}) AS logs",
            [list(ranks), *params],
        )
        logs_counted, mean_ms, percentiles_ms = cursor.fetchone()
    return logs_counted, mean_ms, tuple(percentiles_ms or [None] * len(ranks))


def numbers_of(rows: Sequence[tuple[Any, ...]], ranks: Sequence[float]) -> dict[Slot, Numbers]:
    answers: dict[Slot, Answers] = defaultdict(Counter)
    for row in rows:
        if row[2] is not None:
            answers[slot_of(row)][row[2], row[3]] = row[4]
    return {
        slot_of(row): Numbers(
            requests=row[4],
            errors=row[5],
            request_bytes=row[6],
            response_bytes=row[7],
            request_sized=row[8],
            response_sized=row[9],
            mean_ms=row[10],
            percentiles_ms=tuple(row[11] or [None] * len(ranks)),
            answers=answers[slot_of(row)],
        )
        for row in rows
        if row[2] is None
    }


def slot_of(row: tuple[Any, ...]) -> Slot:
    start: datetime | None = row[0]
    return Slot(start=start, group=row[1])
