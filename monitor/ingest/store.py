"""Keep entries: written, added to the numbers and judged together, or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from psycopg import errors

from monitor import alerts
from monitor.events import hand_over
from monitor.events.drafting import failed_logs, firing_alerts
from monitor.ingest import naming
from monitor.ingest.entry import Entry
from monitor.ingest.rows import write
from monitor.lib.counting import count_kept
from monitor.metrics import deltas
from monitor.models import RequestLog
from monitor.models.partitions import existing_days, make_day

# A repeat that was committed by someone else meanwhile shows on the next look; two rounds are the rule.
MAX_ROUNDS = 10

_known_days: set[date] = set()


def forget_days() -> None:
    """Empty this process's knowledge of partitions."""
    _known_days.clear()


def store_batch(entries: Sequence[Entry], *, now: datetime, again: bool = False) -> set[UUID]:
    """Keep the entries once each and judge what is new. Gives the ids that were not kept before.

    Returns after the commit. The entries may be of several senders; those of one id are the same event,
    and the first one is kept. `again` says that an earlier try may have been committed unheard.
    """
    # By the numbers within ids: UUIDs hash and compare in Python, at several times the cost.
    unique = {entry.id.int: entry for entry in reversed(entries)}
    # In the order of ids: two batches that share events in another order would wait for each other forever.
    batch = sorted(unique.values(), key=attrgetter("id.int"))
    make_missing_days({entry.captured_at.date() for entry in batch})
    names = naming.names_for(batch, now=now)
    kept = keep_quietly(batch, names, careful=again)
    if kept is None:
        kept = keep_and_judge(batch, names, now=now, careful=again)
    count_kept(new=len(kept), repeated=len(entries) - len(kept))
    deltas.hurry_if_much_waits(len(kept))
    return {entry.id for entry in kept}


def keep_quietly(batch: list[Entry], names: naming.Names, *, careful: bool) -> list[Entry] | None:
    """Keep what makes no rule fire, by one statement; most batches are such. None when one may fire."""
    numbers = alerts.quiet_by(batch)
    return None if numbers is None else write_new(batch, names, careful=careful, quiet_by=numbers)


@transaction.atomic
def keep_and_judge(batch: list[Entry], names: naming.Names, *, now: datetime, careful: bool) -> list[Entry]:
    """Keep and judge, by the rules as they are now."""
    kept = write_new(batch, names, careful=careful, quiet_by=None) or []
    fired = alerts.judge(kept, now=now)
    hand_over(list(firing_alerts(fired, kept, is_silenced=alerts.silenced_at(now))))
    return kept


def write_new(
    entries: list[Entry], names: naming.Names, *, careful: bool, quiet_by: Mapping[UUID, int] | None
) -> list[Entry] | None:
    """Write the entries that are not there yet, and give those; None when rules have changed meanwhile.

    Repeats are rare: so the statement goes ahead, and looks for them only when the primary key objects.
    """
    for _ in range(MAX_ROUNDS):
        if not entries:
            return []
        told = list(failed_logs(entries))
        try:
            with failing_alone():
                return entries if write(entries, names, quiet_by=quiet_by, told=told) else None
        except IntegrityError as error:
            if not isinstance(error.__cause__, errors.UniqueViolation):
                raise
            ids = [entry.id for entry in entries if careful or entry.repeatable]
            there = set(RequestLog.objects.filter(id__in=ids).values_list("id", flat=True))
            entries = [entry for entry in entries if entry.id not in there]
    raise RuntimeError("Repeats of the same events kept arriving while they were being kept.")


def failing_alone() -> AbstractContextManager[Any]:
    """A savepoint within a transaction; without one, a statement that fails takes nothing with it."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def make_missing_days(days: Iterable[date]) -> None:
    """Make the partitions that these days need. Usually the task has made them ahead."""
    missing = set(days) - _known_days
    if not missing:
        return
    _known_days.update(existing_days())
    for day in sorted(missing - _known_days):
        make_day(day)
        _known_days.add(day)
