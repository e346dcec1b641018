"""Cuts lists that were put in order as a whole, such as by impact: a place in one is the row before it.

The order may change between two pages, as requests keep arriving. A page then begins after where its row
stands now, so nothing that stayed in place is skipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from rest_framework.request import Request

from monitor.api.keyset import Cursor
from monitor.api.paging import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    MAX_OFFSET,
    KeysetPagination,
    cursor_from,
    wants_count,
    whole_number,
)


class Ranked(Protocol):
    @property
    def id(self) -> UUID: ...


Row = TypeVar("Row", bound=Ranked)


@dataclass(frozen=True, kw_only=True)
class RankedPage(Generic[Row]):
    """Some rows in their order, and where the pages beside them begin; None where there is no such page."""

    rows: Sequence[Row]
    newer: Cursor | None = None
    older: Cursor | None = None


def cut_ranking(
    rows: Sequence[Row], *, limit: int, cursor: Cursor | None = None, offset: int = 0
) -> RankedPage[Row]:
    """The page at `cursor`; the first one where its row is not there any more."""
    places = {row.id: place for place, row in enumerate(rows)} if cursor is not None else {}
    if cursor is None or cursor.id not in places:
        first = offset
    elif cursor.newer:
        first = max(places[cursor.id] - limit, 0)
    else:
        first = places[cursor.id] + 1 + offset
    shown = rows[first : first + limit]
    return RankedPage(
        rows=shown,
        newer=Cursor(id=shown[0].id, newer=True) if first and shown else None,
        older=Cursor(id=shown[-1].id) if first + limit < len(rows) else None,
    )


class RankedPagination(KeysetPagination):
    """The same parameters and headers as any list, for rows that are in order already."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        params = request.query_params
        self.request = request
        self.limit = whole_number(params, "limit", DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
        offset = whole_number(params, "offset", 0, least=0, most=MAX_OFFSET)
        self.total = len(queryset) if wants_count(params) else None
        cut = cut_ranking(queryset, limit=self.limit, cursor=cursor_from(params), offset=offset)
        self.page: Any = cut
        return list(cut.rows)
