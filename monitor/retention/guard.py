"""The disk guard: before the disk is full and nothing can be kept, the oldest day goes."""

import logging
from collections.abc import Callable
from datetime import date, datetime

from monitor.audit import record
from monitor.lib.locks import only_one, patiently
from monitor.models import StorageEvent
from monitor.models.partitions import day_bytes, drop_day, existing_days
from monitor.models.storage import StorageEventCause, StorageEventKind
from monitor.retention.disk import Disk, look_at_disk
from monitor.retention.enforcement import RETENTION_LOCK
from monitor.retention.policy import today_of

logger = logging.getLogger(__name__)
NOTHING_LEFT = "nothing but today is left to drop"


def guard_disk(*, now: datetime, look: Callable[[], Disk] = look_at_disk) -> list[date]:
    """Drop the oldest days until the limits hold, and give them. Today stays, whatever happens.

    Raises AlreadyRunning and StillLocked. One look costs a few milliseconds when all is well.
    """
    if not look().over_limit:
        return []
    dropped: list[date] = []
    with only_one(RETENTION_LOCK):
        while reason := look().over_limit:
            oldest = next(iter(existing_days()), None)
            if oldest is None or oldest >= today_of(now):
                say_that_nothing_is_left(reason, now=now)
                break
            freed = day_bytes(oldest)
            patiently(lambda day=oldest: drop_day(day))  # type: ignore[misc] # bound now, as it must be
            say_dropped(oldest, reason, freed, now=now)
            dropped.append(oldest)
    return dropped


def say_dropped(day: date, reason: str, freed: int, *, now: datetime) -> None:
    words = f"Dropped the logs of {day} before their time: {reason}."
    logger.warning("%s", words)
    StorageEvent.objects.create(
        kind=StorageEventKind.DROPPED,
        cause=StorageEventCause.DISK,
        day=day,
        bytes_freed=freed,
        message=words,
        happened_at=now,
    )
    record("retention.purged", target_type="logs", target_id=day, note=words)


def say_that_nothing_is_left(reason: str, *, now: datetime) -> None:
    """Once a day on the page, and each time in the log."""
    words = f"The limit is passed, and {NOTHING_LEFT}: {reason}."
    logger.error("%s", words)
    today = today_of(now)
    told = StorageEvent.objects.filter(
        kind=StorageEventKind.FAILED, cause=StorageEventCause.DISK, day=today
    ).exists()
    if not told:
        StorageEvent.objects.create(
            kind=StorageEventKind.FAILED,
            cause=StorageEventCause.DISK,
            day=today,
            message=words,
            happened_at=now,
        )
