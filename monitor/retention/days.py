"""Partitions ahead of the clock."""

from datetime import UTC, date, datetime, timedelta

from monitor.models.partitions import existing_days, make_day

# Long enough for a weekend on which the worker stands still.
DAYS_AHEAD = 4


def days_missing(*, now: datetime, ahead: int = DAYS_AHEAD) -> list[date]:
    """The days from today on that have no partition yet."""
    today = now.astimezone(UTC).date()
    return sorted({today + timedelta(days=each) for each in range(ahead + 1)} - set(existing_days()))


def make_days_ahead(*, now: datetime, ahead: int = DAYS_AHEAD) -> list[date]:
    """Make the partitions of today and the days to come. Gives the days that were made."""
    missing = days_missing(now=now, ahead=ahead)
    for day in missing:
        make_day(day)
    return missing
