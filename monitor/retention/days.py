"""Partitions ahead of the clock, and none behind the retention."""

import logging
from datetime import UTC, date, datetime, timedelta

from django.conf import settings

from monitor.models.partitions import drop_day, existing_days, make_day

logger = logging.getLogger(__name__)
# Long enough for a weekend on which the worker stands still.
DAYS_AHEAD = 4


def make_days_ahead(*, now: datetime) -> list[date]:
    """Make the partitions of today and the days to come. Gives the days that were made."""
    today = now.astimezone(UTC).date()
    missing = {today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)} - set(existing_days())
    for day in sorted(missing):
        make_day(day)
    return sorted(missing)


def drop_old_days(*, now: datetime) -> list[date]:
    """Drop the days that lie wholly before the retention. Gives the days that were dropped."""
    oldest_kept = now.astimezone(UTC).date() - timedelta(days=settings.RETENTION_DAYS)
    old = [day for day in existing_days() if day < oldest_kept]
    for day in old:
        drop_day(day)
        logger.info("Dropped the logs of %s: older than %s days.", day, settings.RETENTION_DAYS)
    return old
