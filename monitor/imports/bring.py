"""Keep what a file holds, or only look what would be kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from monitor.imports.har import BYTE_ORDER_MARK, PLACES, read_har
from monitor.ingest.accept import Outcome, Rejection, accept, prepare_all
from monitor.ingest.decode import LogItem, Undecodable, decode_batch
from monitor.ingest.entry import Entry, Sender
from monitor.models import RequestLog


@dataclass(frozen=True, kw_only=True)
class Source:
    """A kind of file: how its content becomes items, and what the file calls their fields."""

    read: Callable[[bytes], Sequence[LogItem | Undecodable]]
    places: Mapping[str, str] = field(default_factory=dict)

    def told(self, rejection: Rejection) -> Rejection:
        """The rejection in the words of the file."""
        return replace(rejection, field=self.places.get(rejection.field, rejection.field))


HAR = Source(read=read_har, places=PLACES)
NDJSON = Source(read=lambda data: list(decode_batch(data.removeprefix(BYTE_ORDER_MARK), "ndjson")))


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What became of the items of a file, or would have become of them.

    `entries` were accepted; `new` of them were not kept before, the others are there already or stand twice.
    `excluded` were left out by the service's own rules.
    """

    entries: list[Entry]
    rejections: list[Rejection]
    new: int
    excluded: int
    is_dry_run: bool

    @property
    def known(self) -> int:
        return len(self.entries) - self.new


def bring_in(
    items: Iterable[LogItem | Undecodable],
    sender: Sender,
    *,
    source: Source,
    now: datetime,
    dry_run: bool = False,
) -> Brought:
    """Send items down the pipeline; as a dry run as far as the table, which is only asked what it has."""
    if dry_run:
        outcome = prepare_all(items, sender, now=now, is_counted=False)
    else:
        outcome = accept(items, sender, now=now)
    return Brought(
        entries=outcome.entries,
        rejections=[source.told(each) for each in outcome.rejections],
        new=len(would_be_new(outcome)) if dry_run else len(outcome.new_ids),
        excluded=len(outcome.excluded),
        is_dry_run=dry_run,
    )


def would_be_new(outcome: Outcome) -> set[UUID]:
    """The ids that no log has. Only those of repeatable events can be there."""
    ids = {entry.id for entry in outcome.entries}
    asked = {entry.id for entry in outcome.entries if entry.repeatable}
    return ids - set(RequestLog.objects.filter(id__in=asked).values_list("id", flat=True))
