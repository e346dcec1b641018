"""Uptime and response times over the windows that people ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, FloatField, Q, Sum
from django.db.models.functions import Cast, NullIf

from monitor.lib.ids import uuid7_floor
from monitor.models import Monitor, MonitorHour
from monitor.models.partitions import start_of
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


@dataclass(frozen=True, kw_only=True)
class Stats:
    """`uptime` is up / (up + down) by time, None without either; a window begins with a whole hour.

    Percentiles are of single checks, so they are None for windows that reach past those that are kept.
    """

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
    percentiles_ms: Mapping[str, float | None]


def stats_of(monitor: Monitor, window: str, *, now: datetime) -> Stats:
    since = hour_of(now - WINDOWS[window])
    sums = MonitorHour.objects.filter(monitor_id=monitor.id, hour__gte=since, hour__lte=now).aggregate(
        **{
            name: Sum(name, default=0)
            for name in ("up_ms", "down_ms", "maintenance_ms", "checks", "failures", "answers", "response_ms")
        }
    )
    known_ms = sums["up_ms"] + sums["down_ms"]
    begun = max(since, monitor.created_at)
    covered_s = (known_ms + sums["maintenance_ms"]) / 1000
    return Stats(
        window=window,
        since=since,
        uptime=sums["up_ms"] / known_ms if known_ms else None,
        up_s=sums["up_ms"] / 1000,
        down_s=sums["down_ms"] / 1000,
        maintenance_s=sums["maintenance_ms"] / 1000,
        no_data_s=max(round((now - begun).total_seconds() - covered_s, 3), 0.0),
        checks=sums["checks"],
        failures=sums["failures"],
        average_ms=sums["response_ms"] / sums["answers"] if sums["answers"] else None,
        percentiles_ms=percentiles(monitor.id, since=since, until=now),
    )


def percentiles(monitor_id: UUID, *, since: datetime, until: datetime) -> dict[str, float | None]:
    nothing: dict[str, float | None] = {f"p{rank}": None for rank in RANKS}
    if since < start_of((until - timedelta(days=settings.BEAT_RETENTION_DAYS)).date()):
        return nothing
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
        found = cursor.fetchone()[0]
    return {f"p{rank}": value for rank, value in zip(RANKS, found, strict=True)} if found else nothing


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
