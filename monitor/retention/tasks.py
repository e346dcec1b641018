"""What the worker does about days, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.retention.days import drop_old_days, make_days_ahead


# Hourly, not daily: a worker that was away at midnight catches up soon.
@app.periodic(cron="7 * * * *")
@app.task(queueing_lock="turn_days", retry=3)
def turn_days(timestamp: int) -> None:
    """Make days ahead and drop old ones."""
    now = timezone.now()
    make_days_ahead(now=now)
    drop_old_days(now=now)
