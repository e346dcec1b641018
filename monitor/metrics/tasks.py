"""What the worker does for the numbers, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.metrics.compact import compact
from monitor.metrics.folds import fold
from monitor.metrics.hours import keep_hours
from monitor.metrics.rollups import remove_old


# The sixth field is seconds. Until a delta is compacted, each reader adds it up for itself; senders of much
# defer this task besides. No retry: the next one is close.
@app.periodic(cron="* * * * * */15")
@app.task(queueing_lock="compact_deltas")
def compact_deltas(timestamp: int) -> None:
    """Turn what was ingested into rollups."""
    compact(now=timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="fold_rollups")
def fold_rollups(timestamp: int) -> None:
    """Add days that are over up to longer spans; after an upgrade, all that are kept."""
    now = timezone.now()
    fold(now=now)
    keep_hours(now=now)


@app.periodic(cron="37 * * * *")
@app.task(queueing_lock="remove_old_rollups", retry=3)
def remove_old_rollups(timestamp: int) -> None:
    """Let minutes, hours and days go when their time is over."""
    remove_old(now=timezone.now())
