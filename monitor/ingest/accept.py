"""The pipeline: items of one sender go in, kept ids and rejections come out."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Self
from uuid import UUID

from monitor.api.errors import DATABASE_AWAY
from monitor.ingest.decode import LogItem, Undecodable
from monitor.ingest.entry import Entry, Sender, prepare
from monitor.ingest.keep import Kept, keep_apart
from monitor.ingest.store import store_batch
from monitor.lib.counting import count_excluded, count_rejected
from monitor.lib.exclusions import excluded_by
from monitor.limits import admit


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Why the item at this place was not kept."""

    index: int
    field: str
    message: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the items. `entries` are those that were accepted, repeats among them, in order; the ids
    of those that were not kept before are in `new_ids`.

    `excluded` names, by its place, each item that was well taken and is not kept, and the rule that says so.
    """

    entries: list[Entry]
    rejections: list[Rejection]
    excluded: Mapping[int, str] = field(default_factory=dict)
    new_ids: Set[UUID] = field(default_factory=frozenset)

    def after(self, kept: Kept) -> Self:
        """The same, when entries turned out impossible to keep.

        Raises the database's own error when it was away for all of them.
        """
        if not kept.failures or not any(entry.id in kept.failures for entry in self.entries):
            return replace(self, new_ids=self.own_of(kept))
        reasons = [kept.failures.get(entry.id) for entry in self.entries]
        if all(isinstance(reason, DATABASE_AWAY) for reason in reasons) and reasons[0] is not None:
            raise reasons[0]
        left_out = {each.index for each in self.rejections} | self.excluded.keys()
        places = (index for index in range(len(self.entries) + len(left_out)) if index not in left_out)
        failed = [
            failure_at(index, reason)
            for index, reason in zip(places, reasons, strict=True)
            if reason is not None
        ]
        return replace(
            self,
            entries=[entry for entry in self.entries if entry.id not in kept.failures],
            rejections=sorted([*self.rejections, *failed], key=lambda each: each.index),
            new_ids=self.own_of(kept),
        )

    def own_of(self, kept: Kept) -> Set[UUID]:
        """Those of the new ids that are of these entries: others may have shared the commit."""
        return {entry.id for entry in self.entries} & kept.new_ids


def accept(items: Iterable[LogItem | Undecodable], sender: Sender, *, now: datetime) -> Outcome:
    """Check, mask, name, keep and judge. One bad item does not sink the others.

    When this returns, the accepted entries are committed. Raises QuotaExceeded: then none was kept.
    """
    prepared = prepare_all(items, sender, now=now)
    if not prepared.entries:
        return prepared
    admit(sender.limits, len(prepared.entries))
    return prepared.after(keep_apart(prepared.entries, partial(store_batch, now=now)))


def prepare_all(
    items: Iterable[LogItem | Undecodable], sender: Sender, *, now: datetime, is_counted: bool = True
) -> Outcome:
    """The entries of the items that are fit to be kept, and why the others are not.

    Those are counted, unless nothing is to be kept anyway.
    """
    entries: list[Entry] = []
    rejections: list[Rejection] = []
    excluded: dict[int, str] = {}
    for index, item in enumerate(items):
        try:
            if isinstance(item, Undecodable):
                raise item
            if sender.exclusions and (rule := excluded_by_sender(item, sender)):
                excluded[index] = rule
                continue
            entries.append(prepare(item, sender, now=now))
        except Undecodable as error:
            rejections.append(Rejection(index=index, field=error.field, message=str(error), code=error.code))
    if is_counted:
        count_left_out(rejections, excluded)
    return Outcome(entries=entries, rejections=rejections, excluded=excluded)


def count_left_out(rejections: Iterable[Rejection], excluded: Mapping[int, str]) -> None:
    for rejection in rejections:
        count_rejected(rejection.code)
    for rule_id in excluded.values():
        count_excluded(rule_id)


def excluded_by_sender(item: LogItem, sender: Sender) -> str | None:
    """The id of the rule by which the sender's service leaves the item out."""
    rule = excluded_by(sender.exclusions, path=item.path, headers=item.request_headers)
    return None if rule is None else rule["id"]


def failure_at(index: int, reason: Exception) -> Rejection:
    """What the sender of an item hears when keeping it failed; the reason itself is for our own log."""
    if isinstance(reason, DATABASE_AWAY):
        return Rejection(
            index=index, field="", code="database_unavailable", message="The database cannot be reached."
        )
    return Rejection(
        index=index, field="", code="internal_error", message="Something went wrong on our side."
    )
