"""The heads of a table's columns that sort it: each a link that sorts by it, or turns the order round."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.http import QueryDict

from monitor.lib.addresses import address_with


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column that can be sorted by. `begins` is the direction that it has first."""

    order: StrEnum
    words: str
    is_number: bool = True
    begins: str = "desc"


@dataclass(frozen=True, kw_only=True)
class Head:
    """`direction` is None for all but the current one."""

    order: StrEnum
    words: str
    is_number: bool
    address: str
    direction: str | None


def sorted_by(query: QueryDict, columns: Sequence[Column]) -> tuple[Column, bool]:
    """What the address sorts by, and whether the other way round. Damaged words mean the usual order."""
    word = query.get("sort", "")
    current = next((column for column in columns if column.order.value == word), usual(columns))
    return current, query.get("order") == other(current.begins)


def usual(columns: Sequence[Column]) -> Column:
    return next(column for column in columns if column.begins == "desc")


def other(direction: str) -> str:
    return "asc" if direction == "desc" else "desc"


def heads_of(query: QueryDict, columns: Sequence[Column], current: Column, *, reverse: bool) -> list[Head]:
    heads = []
    for column in columns:
        is_current = column.order == current.order
        changes = {
            "sort": None if column.order == usual(columns).order else column.order.value,
            "order": other(column.begins) if is_current and not reverse else None,
        }
        direction = other(column.begins) if reverse else column.begins
        heads.append(
            Head(
                order=column.order,
                words=column.words,
                is_number=column.is_number,
                address=address_with(query, changes),
                direction=direction if is_current else None,
            )
        )
    return heads
