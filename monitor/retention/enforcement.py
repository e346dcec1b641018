"""Let go what is past its retention, and write down what went."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from monitor.audit import record
from monitor.lib.locks import StillLocked, only_one, patiently
from monitor.models import StorageEvent
from monitor.models.partitions import day_bytes, drop_day
from monitor.models.storage import StorageEventCause, StorageEventKind
from monitor.retention.plan import Action, Plan, Step, plan_retention
from monitor.retention.policy import oldest_day_of_any
from monitor.retention.rewrite import RetentionChanged, rewrite_day
from monitor.retention.trim import trim_day

logger = logging.getLogger(__name__)
# Any number will do, as long as everyone who lets go takes the same one, and nobody else does.
RETENTION_LOCK = 7_120_405
KEEP_EVENTS = timedelta(days=400)
LET_GO = (StorageEventKind.DROPPED, StorageEventKind.TRIMMED, StorageEventKind.REWRITTEN)


def enforce(*, now: datetime) -> Plan:
    """Do all that is due, and give the plan that was followed. Raises AlreadyRunning.

    A day that fails is written down and keeps none of the others; the next run tries it again.
    """
    with only_one(RETENTION_LOCK):
        plan = plan_retention(now=now)
        failed = [step for step in plan.steps if not attempt(step, now=now)]
        if not failed:
            note_check(now=now)
    return plan


def attempt(step: Step, *, now: datetime) -> bool:
    try:
        take(step, now=now)
    except (DatabaseError, StillLocked) as error:
        words = f"The logs of {step.day} could not be let go ({type(error).__name__}); tried again next hour."
        logger.exception("%s", words)
        note(StorageEventKind.FAILED, step, words, now=now)
        return False
    except RetentionChanged:
        logger.info("A retention was made longer: the logs of %s are looked at next hour.", step.day)
    return True


def take(step: Step, *, now: datetime) -> None:
    if step.action == Action.DROP:
        due = patiently(lambda: drop_day(step.day, still_due=lambda: step.day < oldest_day_of_any(now=now)))
        if due:
            words = f"Dropped the logs of {step.day}: past every service's retention."
            note(StorageEventKind.DROPPED, step, words, now=now, bytes_freed=step.size_bytes)
    elif step.action == Action.TRIM:
        removed = trim_day(step.expiry, now=now)
        words = f"Removed {removed:,} logs of {step.day}: past their service's retention."
        note(StorageEventKind.TRIMMED, step, words, now=now, logs_removed=removed)
    else:
        rewrite_day(step.expiry, now=now)
        freed = max(step.size_bytes - day_bytes(step.day), 0)
        words = f"Rewrote {step.day} without the logs that are past their service's retention."
        note(StorageEventKind.REWRITTEN, step, words, now=now, bytes_freed=freed)


def note(
    kind: StorageEventKind,
    step: Step,
    words: str,
    *,
    now: datetime,
    cause: StorageEventCause = StorageEventCause.AGE,
    logs_removed: int | None = None,
    bytes_freed: int | None = None,
) -> None:
    """Say it in the log and on the storage page."""
    logger.log(logging.ERROR if kind == StorageEventKind.FAILED else logging.INFO, "%s", words)
    StorageEvent.objects.create(
        kind=kind,
        cause=cause,
        day=step.day,
        message=words,
        logs_removed=logs_removed,
        bytes_freed=bytes_freed,
        happened_at=now,
    )
    if kind in LET_GO:
        record("retention.purged", target_type="logs", target_id=step.day, note=words)


@transaction.atomic
def note_check(*, now: datetime) -> None:
    """Remember that all was in order; of such runs the last one is enough."""
    StorageEvent.objects.filter(kind=StorageEventKind.CHECKED).delete()
    StorageEvent.objects.filter(happened_at__lt=now - KEEP_EVENTS).delete()
    StorageEvent.objects.create(
        kind=StorageEventKind.CHECKED, message="Nothing is past its retention.", happened_at=now
    )


def steps_in_words(steps: Iterable[Step]) -> list[str]:
    """A line for each step, for the operator."""
    return [f"{step.day}  {step.size_bytes / 2**20:>9,.1f} MiB  {step.words}" for step in steps]
