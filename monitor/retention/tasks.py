"""What the worker does about days, by the clock."""

import logging

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.lib.locks import AlreadyRunning
from monitor.retention.days import make_days_ahead
from monitor.retention.enforcement import enforce
from monitor.retention.guard import guard_disk

logger = logging.getLogger(__name__)


# Hourly, not daily: a worker that was away at midnight catches up soon.
@app.periodic(cron="7 * * * *")
@app.task(queueing_lock="turn_days", retry=3)
def turn_days(timestamp: int) -> None:
    """Make days ahead and let old ones go."""
    now = timezone.now()
    make_days_ahead(now=now)
    try:
        enforce(now=now)
    except AlreadyRunning:
        logger.info("Retention is being enforced by another process.")


# A disk fills up faster than hours go by.
@app.periodic(cron="* * * * *")
@app.task(queueing_lock="watch_disk", retry=1)
def watch_disk(timestamp: int) -> None:
    """Drop the oldest days while a limit of the disk is passed."""
    try:
        guard_disk(now=timezone.now())
    except AlreadyRunning:
        logger.info("Days are being let go by another process.")
