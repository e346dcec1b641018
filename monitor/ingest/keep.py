"""Keep entries together when that works, and apart when one of them is bad."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError
from psycopg import errors

from monitor.api.errors import DATABASE_AWAY
from monitor.ingest.entry import Entry
from monitor.ingest.store import forget_days

logger = logging.getLogger(__name__)
Store = Callable[[Sequence[Entry]], set[UUID]]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What became of entries: the ids that were new, and why those that failed did.

    An id in neither had been kept before.
    """

    new_ids: set[UUID]
    failures: Mapping[UUID, Exception]


def keep_apart(entries: Sequence[Entry], store: Store) -> Kept:
    """Keep the entries by as few calls of `store` as it takes for a bad one to fail alone.

    Where they cannot be kept together they are halved, so one bad entry among a thousand costs about twenty
    transactions and not a thousand. A database that goes away fails all that were not kept before it went.
    """
    try:
        return Kept(new_ids=store_in_days(entries, store), failures={})
    except DATABASE_AWAY as error:
        return Kept(new_ids=set(), failures={entry.id: error for entry in entries})
    except Exception as error:  # whatever it is, it is about one entry as a rule, and is told to its sender
        # Entries of one id are one event, of which the first one counts.
        unique = list({entry.id: entry for entry in reversed(entries)}.values())
        if len(unique) == 1:
            logger.error("Log %s could not be kept", unique[0].id, exc_info=error)
            return Kept(new_ids=set(), failures={unique[0].id: error})
        logger.warning("%s logs could not be kept together: %s", len(unique), type(error).__name__)
    middle = len(unique) // 2
    halves = [keep_apart(half, store) for half in (unique[:middle], unique[middle:])]
    return Kept(
        new_ids=halves[0].new_ids | halves[1].new_ids,
        failures={**halves[0].failures, **halves[1].failures},
    )


def store_in_days(entries: Sequence[Entry], store: Store) -> set[UUID]:
    """Store, a second time where a day was dropped that this process remembers as made."""
    try:
        return store(entries)
    except IntegrityError as error:
        if not isinstance(error.__cause__, errors.CheckViolation):
            raise
    forget_days()
    return store(entries)
