"""Days of monitors: their hours added up, with how their answers were spread, so that a year's uptime reads
365 rows, and percentiles outlive the single checks."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db.models import Max, Min

from monitor.lib.histogram import BUCKETS_PER_DOUBLING, ZERO_BUCKET, ZERO_THRESHOLD
from monitor.lib.ids import uuid7_floor
from monitor.lib.rows import run
from monitor.models import Beat, MonitorDay, MonitorHour
from monitor.models.partitions import existing_days, start_of
from monitor.monitors.states import State

DAY = timedelta(days=1)
# A day is folded this long after its end, and looked at again for so many days: what waited in a prober while
# the database was away comes late.
SETTLED_AFTER = timedelta(hours=1)
LOOKED_AT_AGAIN = 3

BUCKET = (
    f"CASE WHEN response_ms <= {ZERO_THRESHOLD} THEN {ZERO_BUCKET}"
    f" ELSE ceil(ln(response_ms) / ln(2::float8) * {BUCKETS_PER_DOUBLING})::int - 1 END"
)
# Only what is not yet, or no longer, as its hours say.
FOLD = f"""
WITH sums AS (
    SELECT monitor_id, sum(up_ms) AS up_ms, sum(down_ms) AS down_ms, sum(maintenance_ms) AS maintenance_ms,
        sum(checks) AS checks, sum(failures) AS failures, sum(answers) AS answers,
        sum(response_ms) AS response_ms
    FROM monitor_hour WHERE hour >= %(since)s AND hour < %(until)s GROUP BY monitor_id
), changed AS MATERIALIZED (
    SELECT sums.* FROM sums LEFT JOIN monitor_day d ON d.monitor_id = sums.monitor_id AND d.day = %(day)s
    WHERE (d.up_ms, d.down_ms, d.maintenance_ms, d.checks, d.answers)
        IS DISTINCT FROM (sums.up_ms, sums.down_ms, sums.maintenance_ms, sums.checks, sums.answers)
), single AS (
    SELECT monitor_id, {BUCKET} AS bucket, count(*) AS number FROM beat
    WHERE id >= %(first)s AND id < %(last)s AND state = %(up)s AND response_ms IS NOT NULL
        AND EXISTS (SELECT FROM changed)
    GROUP BY 1, 2
), spread AS (
    SELECT monitor_id, array_agg(bucket ORDER BY bucket) AS buckets,
        array_agg(number ORDER BY bucket) AS counts
    FROM single GROUP BY monitor_id
)
INSERT INTO monitor_day AS d (monitor_id, day, up_ms, down_ms, maintenance_ms, checks, failures, answers,
    response_ms, buckets, counts)
SELECT c.monitor_id, %(day)s, c.up_ms, c.down_ms, c.maintenance_ms, c.checks, c.failures, c.answers,
    c.response_ms, CASE WHEN %(is_kept)s THEN coalesce(s.buckets, '{{}}') END,
    CASE WHEN %(is_kept)s THEN coalesce(s.counts, '{{}}') END
FROM changed c JOIN monitor ON monitor.id = c.monitor_id LEFT JOIN spread s ON s.monitor_id = c.monitor_id
ON CONFLICT (monitor_id, day) DO UPDATE SET
    up_ms = EXCLUDED.up_ms, down_ms = EXCLUDED.down_ms, maintenance_ms = EXCLUDED.maintenance_ms,
    checks = EXCLUDED.checks, failures = EXCLUDED.failures, answers = EXCLUDED.answers,
    response_ms = EXCLUDED.response_ms, buckets = coalesce(EXCLUDED.buckets, d.buckets),
    counts = coalesce(EXCLUDED.counts, d.counts)
"""  # noqa: S608 - our own names


def fold_days(*, now: datetime) -> None:
    """Fold the days that are over, oldest first, and those of late once more where something came late."""
    kept = set(existing_days(Beat._meta.db_table))
    for day in days_to_fold(now=now):
        since, until = start_of(day), start_of(day + DAY)
        run(
            FOLD,
            {
                "day": day,
                "since": since,
                "until": until,
                "first": uuid7_floor(since),
                "last": uuid7_floor(until),
                "up": int(State.UP),
                "is_kept": day in kept,
            },
        )


def days_to_fold(*, now: datetime) -> Iterator[date]:
    newest = MonitorDay.objects.aggregate(newest=Max("day"))["newest"]
    oldest = MonitorHour.objects.aggregate(oldest=Min("hour"))["oldest"]
    if oldest is None:
        return
    day = oldest.date() if newest is None else newest - DAY * (LOOKED_AT_AGAIN - 1)
    # The day of this moment, and those after it, are not over.
    end = (now - SETTLED_AFTER).date()
    while day < end:
        yield day
        day += DAY
