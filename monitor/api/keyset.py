"""Cuts newest-first lists by id, in both directions. Ids carry the time, so a place in a list is an id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import QueryDict

NEWER = "newer."
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Between two pages: the older page begins right below `id`, the newer one ends right above it."""

    id: UUID
    newer: bool = False

    @classmethod
    def read(cls, text: str) -> Cursor:
        """The cursor that `str()` wrote. Raises ValueError."""
        return cls(id=UUID(text.removeprefix(NEWER)), newer=text.startswith(NEWER))

    def __str__(self) -> str:
        return f"{NEWER}{self.id}" if self.newer else str(self.id)


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Row]):
    """Some rows, newest first, and where the pages beside them begin; None where there is no such page.

    `newer` is None on a first page: what has come since is found by asking for the first page again.
    """

    rows: list[Row]
    newer: Cursor | None = None
    older: Cursor | None = None


def read_cursor(query: QueryDict) -> Cursor | None:
    """The place in the list. Links are made by us, so a damaged one means the newest page."""
    try:
        return Cursor.read(str(query["cursor"])) if query.get("cursor") else None
    except ValueError:
        return None


def cut_page(
    queryset: QuerySet[Row], *, limit: int, cursor: Cursor | None = None, offset: int = 0
) -> Page[Row]:
    """The page at `cursor`. One row more than `limit` is read, which tells whether the list goes on."""
    if cursor is not None and cursor.newer:
        return _newer_page(queryset, limit=limit, start=cursor.id)
    if cursor is not None:
        queryset = queryset.filter(id__lt=cursor.id)
    rows: list[Any] = list(queryset.order_by("-id")[offset : offset + limit + 1])
    shown = rows[:limit]
    return Page(
        rows=shown,
        newer=Cursor(id=shown[0].id, newer=True) if cursor is not None and shown else None,
        older=Cursor(id=shown[-1].id) if len(rows) > limit else None,
    )


def _newer_page(queryset: QuerySet[Row], *, limit: int, start: UUID) -> Page[Row]:
    rows: list[Any] = list(queryset.filter(id__gt=start).order_by("id")[: limit + 1])
    shown = rows[:limit][::-1]
    return Page(
        rows=shown,
        newer=Cursor(id=shown[0].id, newer=True) if len(rows) > limit else None,
        older=Cursor(id=shown[-1].id) if shown else None,
    )
