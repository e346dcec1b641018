"""Read what was used: what is added up and what waits, from one snapshot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from django.db import connection

from monitor.lib.actors import Actor
from monitor.models import ApiKey
from monitor.models.usage import METRICS

PARTS = ("day", "organization", "key", "mode")
COLUMNS = {"day": "day", "organization": "organization_id", "key": "key_id", "mode": "mode"}
_WHERE = (
    "WHERE organization_id = ANY (%(organizations)s) AND day >= %(since)s AND day < %(until)s"
    " AND (%(mode)s::text IS NULL OR mode = %(mode)s)"
    " AND (%(keys)s::uuid[] IS NULL OR key_id = ANY (%(keys)s))"
)
_BOTH = ", ".join([*COLUMNS.values(), *METRICS])


@dataclass(frozen=True, kw_only=True)
class Question:
    """`until` is not included. `by` are some of PARTS, in their order; none gives one row, or no row."""

    since: date
    until: date
    by: Sequence[str] = ("day",)
    mode: str | None = None
    key_id: UUID | None = None
    organization_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Amounts by METRICS, of what the parts name; a part that was not asked for is None."""

    amounts: dict[str, int]
    day: date | None = None
    organization_id: UUID | None = None
    key_id: UUID | None = None
    mode: str | None = None
    key: ApiKey | None = None

    @property
    def key_name(self) -> str:
        """Empty for what came without a key, and where keys were not asked for."""
        return self.key.name if self.key else ("removed key" if self.key_id else "")


def look(question: Question, actor: Actor) -> list[Usage]:
    """What the actor may see, newest day first, then by organization, key and mode."""
    organizations = actor.organizations()
    if question.organization_id is not None:
        organizations = [each for each in organizations if each == question.organization_id]
    columns = [COLUMNS[part] for part in PARTS if part in question.by]
    with connection.cursor() as cursor:
        cursor.execute(
            statement(columns),
            {
                "organizations": organizations,
                "since": question.since,
                "until": question.until,
                "mode": question.mode,
                "keys": keys_seen(question, actor),
            },
        )
        rows = cursor.fetchall()
    return with_keys([usage_of(columns, row) for row in rows])


def statement(columns: Sequence[str]) -> str:
    """Of names from above alone."""
    groups = ", ".join(columns)
    sums = ", ".join(f"sum({name})::bigint" for name in METRICS)
    order = ", ".join("day DESC" if column == "day" else f"{column} NULLS FIRST" for column in columns)
    return (
        f"SELECT {f'{groups}, ' if groups else ''}{sums} FROM"  # noqa: S608 - our own words
        f" (SELECT {_BOTH} FROM usage_day {_WHERE}"
        f" UNION ALL SELECT {_BOTH} FROM usage_delta {_WHERE}) AS used"
        f" {f'GROUP BY {groups} ORDER BY {order}' if groups else 'HAVING count(*) > 0'}"
    )


def keys_seen(question: Question, actor: Actor) -> list[UUID] | None:
    """None for all, and for what came without one."""
    if actor.service_id is None:
        return None if question.key_id is None else [question.key_id]
    mine = ApiKey.objects.filter(service=actor.service_id).values_list("id", flat=True)
    return [key_id for key_id in mine if question.key_id in (None, key_id)]


def usage_of(columns: Sequence[str], row: Sequence[object]) -> Usage:
    amounts = dict(zip(METRICS, (int(str(each)) for each in row[len(columns) :]), strict=True))
    named: dict[str, object] = dict(zip(columns, row, strict=False))
    return Usage(amounts=amounts, **named)  # type: ignore[arg-type] # the columns' names are the fields'


def with_keys(rows: Iterable[Usage]) -> list[Usage]:
    """The same with their keys, by one query, where they are still there."""
    rows = list(rows)
    ids = {row.key_id for row in rows if row.key_id is not None}
    keys = ApiKey.objects.select_related("service").in_bulk(ids) if ids else {}
    return [replace(row, key=keys.get(row.key_id)) if row.key_id else row for row in rows]
