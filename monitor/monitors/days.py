"""The days of beats: made ahead, made when missing, and let go whole."""

from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from monitor.lib.locks import patiently
from monitor.models import Beat, MonitorDay, MonitorHour
from monitor.models.partitions import existing_days, make_day, partition_name

TABLE = Beat._meta.db_table
DAYS_AHEAD = 4
KEEP_HOURS = timedelta(days=400)
_known: set[date] = set()


def be_ready_for(moments: list[datetime]) -> None:
    """Make the days of these moments unless they are there; remembered, as it is asked with each write."""
    for day in {moment.astimezone(UTC).date() for moment in moments} - _known:
        make_day(day, (TABLE,))
        _known.add(day)


def forget_beat_days() -> None:
    """Look again: another process may have let a day go, or a test rolled one back."""
    _known.clear()


def make_beat_days_ahead(*, now: datetime, ahead: int = DAYS_AHEAD) -> list[date]:
    """Make today and the days to come. Gives those that were made."""
    today = now.astimezone(UTC).date()
    wanted = {today + timedelta(days=each) for each in range(ahead + 1)}
    missing = sorted(wanted - set(existing_days(TABLE)))
    for day in missing:
        make_day(day, (TABLE,))
    return missing


def let_old_beats_go(*, now: datetime) -> list[date]:
    """Drop the days past BEAT_RETENTION_DAYS; sums of hours and days stay for a year and a month."""
    oldest = now.astimezone(UTC).date() - timedelta(days=settings.BEAT_RETENTION_DAYS)
    due = [day for day in existing_days(TABLE) if day < oldest]
    for day in due:
        patiently(lambda day=day: drop_beat_day(day))  # type: ignore[misc] # bound for the loop's sake
    MonitorHour.objects.filter(hour__lt=now - KEEP_HOURS).delete()
    MonitorDay.objects.filter(day__lt=(now - KEEP_HOURS).date()).delete()
    return due


def drop_beat_day(day: date) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        name = sql.Identifier(partition_name(TABLE, day))
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
    _known.discard(day)
