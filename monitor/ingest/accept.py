"""The pipeline: items of one sender go in, kept ids and rejections come out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from monitor.ingest.decode import LogItem, Undecodable
from monitor.ingest.entry import Entry, Sender, prepare
from monitor.ingest.store import store_batch


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Why the item at this place was not kept."""

    index: int
    field: str
    message: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the items. `entries` are those that were accepted, repeats among them, in order;
    `new_ids` are those of them that had not been kept before."""

    entries: list[Entry]
    new_ids: set[UUID]
    rejections: list[Rejection]


def accept(items: Iterable[LogItem | Undecodable], sender: Sender, *, now: datetime) -> Outcome:
    """Check, mask, name, keep and judge. One bad item does not sink the others.

    When this returns, the accepted entries are committed.
    """
    entries, rejections = prepare_all(items, sender, now=now)
    new_ids = store_batch(entries, now=now) if entries else set()
    return Outcome(entries=entries, new_ids=new_ids, rejections=rejections)


def prepare_all(
    items: Iterable[LogItem | Undecodable], sender: Sender, *, now: datetime
) -> tuple[list[Entry], list[Rejection]]:
    """The entries of the items that are fit to be kept, and why the others are not."""
    entries: list[Entry] = []
    rejections: list[Rejection] = []
    for index, item in enumerate(items):
        try:
            if isinstance(item, Undecodable):
                raise item
            entries.append(prepare(item, sender, now=now))
        except Undecodable as error:
            rejections.append(Rejection(index=index, field=error.field, message=str(error), code=error.code))
    return entries, rejections
