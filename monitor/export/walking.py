"""Reads every match of a search, newest first, in pages by key.

Each page is a transaction of its own: constant memory, and no snapshot that holds vacuum back for as long as
a slow reader takes. The upper end is fixed at the beginning, and the place only goes down, so each log comes
once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from monitor.access.leaving import stoppable
from monitor.models import LogPayload, RequestLog
from monitor.search.finding import Search, take_matching
from monitor.search.walk import Walk

PAGE = 200
# What the search for a page may take before a smaller part of the window is looked through.
LIMIT = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A log's row, and its payload where the format has a place for it."""

    log: RequestLog
    contents: Mapping[str, Any]


def walk_pages(search: Search, *, with_payloads: bool) -> Iterator[Sequence[Exported]]:
    """Pages of matches, which may be empty: the time for one was over. Raises TookTooLong, or ReaderLeft."""
    place: UUID | None = None
    while True:
        walk = Walk.within(search.logs, search.window.since, search.window.until, limit=LIMIT, after=place)
        if walk.is_over:
            return
        with stoppable():
            rows = take_matching(walk, PAGE, search.phrases)
            contents = LogPayload.objects.contents_by_id(row.id for row in rows) if with_payloads else {}
        yield [Exported(log=row, contents=contents.get(row.id, {})) for row in rows]
        place = walk.place
