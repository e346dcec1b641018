"""Uptime and response times over the windows that people ask for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, FloatField, Max, Q, Sum
from django.db.models.functions import Cast, NullIf

from monitor.lib.histogram import Histogram
from monitor.lib.ids import uuid7_floor
from monitor.lib.rows import run
from monitor.models import Monitor, MonitorDay, MonitorHour
from monitor.models.partitions import start_of
from monitor.monitors.folding import BUCKET
from monitor.monitors.hours import hour_of
from monitor.monitors.states import State

WINDOWS: Mapping[str, timedelta] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=365),
}
RANKS = (50, 95, 99)
# Longer windows hold too many checks to be put in order while somebody waits.
EXACT_FOR = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Stats:
    """`uptime` is up / (up + down) by time, None without either; a window begins with a whole hour."""

    window: str
    since: datetime
    uptime: float | None
    up_s: float
    down_s: float
    maintenance_s: float
    no_data_s: float
    checks: int
    failures: int
    average_ms: float | None


# A day that is folded is read as its row; the hours before the first whole day, and those after the last
# folded one, for themselves.
SUMS = """
WITH days AS MATERIALIZED (
    SELECT * FROM monitor_day WHERE monitor_id = %(id)s AND day >= %(first)s
), folded AS (
    SELECT (coalesce(max(day) + 1, %(first)s)::timestamp AT TIME ZONE 'UTC') AS until FROM days
), parts AS (
    SELECT up_ms, down_ms, maintenance_ms, checks, failures, answers, response_ms FROM days
    UNION ALL
    SELECT up_ms, down_ms, maintenance_ms, checks, failures, answers, response_ms FROM monitor_hour
    WHERE monitor_id = %(id)s AND hour >= %(since)s AND hour <= %(now)s
        AND (hour < %(first_at)s OR hour >= (SELECT until FROM folded))
)
SELECT coalesce(sum(up_ms), 0)::int8, coalesce(sum(down_ms), 0)::int8, coalesce(sum(maintenance_ms), 0)::int8,
    coalesce(sum(checks), 0)::int8, coalesce(sum(failures), 0)::int8, coalesce(sum(answers), 0)::int8,
    coalesce(sum(response_ms), 0)::float8
FROM parts
"""


def stats_of(monitor: Monitor, window: str, *, now: datetime) -> Stats:
    since = hour_of(now - WINDOWS[window])
    (sums,) = run(SUMS, asked_of(monitor.id, since=since, now=now))
    up_ms, down_ms, maintenance_ms, checks, failures, answers, response_ms = sums
    known_ms = up_ms + down_ms
    begun = max(since, monitor.created_at)
    covered_s = (known_ms + maintenance_ms) / 1000
    return Stats(
        window=window,
        since=since,
        uptime=up_ms / known_ms if known_ms else None,
        up_s=up_ms / 1000,
        down_s=down_ms / 1000,
        maintenance_s=maintenance_ms / 1000,
        no_data_s=max(round((now - begun).total_seconds() - covered_s, 3), 0.0),
        checks=checks,
        failures=failures,
        average_ms=response_ms / answers if answers else None,
    )


def asked_of(monitor_id: UUID, *, since: datetime, now: datetime) -> dict[str, Any]:
    """What the statements on days want to know: `first` is the first whole day of the window."""
    first = since.date() if since == start_of(since.date()) else since.date() + timedelta(days=1)
    return {"id": monitor_id, "since": since, "now": now, "first": first, "first_at": start_of(first)}


def percentiles_of(monitor: Monitor, window: str, *, now: datetime) -> dict[str, float | None]:
    """Exact from single checks for a week at most; beyond, from the days' histograms, at most 0.54 % off.
    None where a day was folded without its checks, as those of a time before days were kept."""
    since = hour_of(now - WINDOWS[window])
    if WINDOWS[window] <= EXACT_FOR:
        return exact_percentiles(monitor.id, since=since, until=now)
    histogram = spread_over(monitor.id, since=since, now=now)
    return by_rank(histogram.percentiles([rank / 100 for rank in RANKS]) if histogram else None)


def by_rank(values: Sequence[float | None] | None) -> dict[str, float | None]:
    return {f"p{rank}": value for rank, value in zip(RANKS, values or [None] * len(RANKS), strict=True)}


SPREAD = f"""
WITH days AS MATERIALIZED (
    SELECT day, answers, buckets, counts FROM monitor_day WHERE monitor_id = %(id)s AND day >= %(first)s
), numbers AS (
    SELECT unnest(buckets)::int AS bucket, unnest(counts)::int8 AS number FROM days
    UNION ALL
    SELECT {BUCKET}, count(*) FROM beat WHERE monitor_id = %(id)s AND id >= %(unfolded)s AND id < %(until)s
        AND state = %(up)s AND response_ms IS NOT NULL GROUP BY 1
)
SELECT bucket, sum(number)::int8, EXISTS (SELECT FROM days WHERE buckets IS NULL AND answers > 0)
FROM numbers GROUP BY 1
"""  # noqa: S608 - our own names


def spread_over(monitor_id: UUID, *, since: datetime, now: datetime) -> Histogram | None:
    """How answers are spread over the whole days of the window and those that are not folded yet."""
    asked = asked_of(monitor_id, since=since, now=now)
    newest = MonitorDay.objects.filter(monitor_id=monitor_id, day__gte=asked["first"]).aggregate(Max("day"))
    unfolded = asked["first"] if newest["day__max"] is None else newest["day__max"] + timedelta(days=1)
    moments = {"unfolded": uuid7_floor(start_of(unfolded)), "until": uuid7_floor(now), "up": int(State.UP)}
    histogram = Histogram()
    for bucket, number, is_partial in run(SPREAD, asked | moments):
        if is_partial:
            return None
        histogram.add_bucket(bucket, number)
    return histogram


def exact_percentiles(monitor_id: UUID, *, since: datetime, until: datetime) -> dict[str, float | None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY response_ms) FROM beat"
            " WHERE monitor_id = %s AND id >= %s AND id < %s AND state = %s",
            [
                [rank / 100 for rank in RANKS],
                monitor_id,
                uuid7_floor(since),
                uuid7_floor(until),
                int(State.UP),
            ],
        )
        return by_rank(cursor.fetchone()[0])


def uptimes(monitor_ids: Iterable[UUID], *, window: str, now: datetime) -> dict[UUID, float]:
    """The uptime of each, for lists; those without any time are left out."""
    since = hour_of(now - WINDOWS[window])
    rows = (
        MonitorHour.objects.filter(monitor_id__in=list(monitor_ids), hour__gte=since, hour__lte=now)
        .filter(~Q(up_ms=0, down_ms=0))
        .values("monitor_id")
        .annotate(share=Cast(Sum("up_ms"), FloatField()) / NullIf(Sum(F("up_ms") + F("down_ms")), 0))
    )
    return {row["monitor_id"]: row["share"] for row in rows}
