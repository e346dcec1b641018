"""How pages turn: newest first, by the ids at the edges, so that new rows never shift what is read."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict

ROWS_A_PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Turned:
    """A page of rows. `older` and `newer` are the values of `before` and `after` for the pages beside it."""

    rows: list[Any]
    older: UUID | None = None
    newer: UUID | None = None


def turn(rows: QuerySet[Any], params: QueryDict, *, size: int = ROWS_A_PAGE) -> Turned:
    """The page that `before` or `after` asks for, else the newest. Rows are ordered by UUIDv7 `id` here.

    An edge that is no id means the newest page: links are made by us, so there is nobody to tell.
    """
    after = edge(params, "after")
    if after is not None:
        # One row more than shown tells whether there are more.
        found = list(rows.filter(id__gt=after).order_by("id")[: size + 1])
        shown = found[size - 1 :: -1] if len(found) > size else found[::-1]
        if shown:
            return Turned(rows=shown, older=shown[-1].id, newer=shown[0].id if len(found) > size else None)
    before = edge(params, "before")
    narrowed = rows if before is None else rows.filter(id__lt=before)
    found = list(narrowed.order_by("-id")[: size + 1])
    shown = found[:size]
    return Turned(
        rows=shown,
        older=shown[-1].id if len(found) > size else None,
        newer=shown[0].id if shown and before is not None else None,
    )


def edge(params: QueryDict, name: str) -> UUID | None:
    try:
        return UUID(params.get(name, ""))
    except ValueError:
        return None
