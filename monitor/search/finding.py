"""One page of a search, complete or as far as the time allowed. The API and the log table use the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from monitor.api.keyset import Cursor, Page
from monitor.models import RequestLog
from monitor.models.logs import RequestLogQuerySet
from monitor.search.language import Term
from monitor.search.phrases import keep_matching
from monitor.search.walk import Walk
from monitor.search.window import Window

# What a reader takes for an answer at once; more comes with a click on "continue".
TIME = timedelta(milliseconds=300)
# Bodies have to be read and unpacked one by one: about 20,000 in this time, measured.
TIME_FOR_TEXT = timedelta(seconds=1)
# Rows whose payloads are read together.
CANDIDATES = 400


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is asked for: `logs` as the filters leave them, within `window`, all `phrases` in their texts."""

    logs: RequestLogQuerySet
    window: Window
    phrases: Sequence[Term] = ()

    @property
    def time(self) -> timedelta:
        return TIME_FOR_TEXT if self.phrases else TIME


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A page. If it is not complete, the time was over before it was full: `reached` is how far the search
    came, and the cursor in its direction continues from there."""

    page: Page[RequestLog]
    is_complete: bool
    reached: datetime


def find(search: Search, *, limit: int, cursor: Cursor | None = None) -> Finding:
    """The page at `cursor`, or the newest. Raises TookTooLong when the search could not come forward."""
    upwards = cursor is not None and cursor.newer
    walk = Walk.within(
        search.logs,
        search.window.since,
        search.window.until,
        limit=search.time,
        after=cursor.id if cursor else None,
        upwards=upwards,
    )
    # One row more than the page tells whether the list goes on.
    rows = take_matching(walk, limit + 1, search.phrases)
    is_complete = len(rows) > limit or walk.is_over
    return Finding(
        page=newer_page(rows, limit, walk) if upwards else older_page(rows, limit, walk, cursor),
        is_complete=is_complete,
        reached=walk.reached,
    )


def older_page(rows: list[RequestLog], limit: int, walk: Walk, cursor: Cursor | None) -> Page[RequestLog]:
    shown = rows[:limit]
    older = shown[-1].id if len(rows) > limit else None if walk.is_over else walk.place
    return Page(
        rows=shown,
        newer=Cursor(id=shown[0].id, newer=True) if cursor is not None and shown else None,
        older=Cursor(id=older) if older else None,
    )


def newer_page(rows: list[RequestLog], limit: int, walk: Walk) -> Page[RequestLog]:
    shown = rows[:limit][::-1]
    newer = shown[0].id if len(rows) > limit else None if walk.is_over else walk.place
    return Page(
        rows=shown,
        newer=Cursor(id=newer, newer=True) if newer else None,
        older=Cursor(id=shown[-1].id) if shown else None,
    )


def take_matching(walk: Walk, count: int, phrases: Sequence[Term]) -> list[RequestLog]:
    """The next rows of the walk in whose texts all phrases hold. Stops like the walk itself."""
    if not phrases:
        return walk.take(count)
    logs = walk.logs
    # All else is read of the few that match.
    walk.logs = cast(RequestLogQuerySet, logs.values_list("id", "error", named=True))
    matching: list[RequestLog] = []
    while len(matching) < count:
        candidates = walk.take(CANDIDATES)
        matching += keep_matching(candidates, phrases)
        if len(candidates) < CANDIDATES:
            break
    return in_full(logs, matching[:count])


def in_full(logs: RequestLogQuerySet, rows: Sequence[RequestLog]) -> list[RequestLog]:
    """The same rows, in the same order, with all that `logs` has of them."""
    whole = {log.id: log for log in logs.filter(id__in=[row.id for row in rows])} if rows else {}
    return [whole[row.id] for row in rows if row.id in whole]
