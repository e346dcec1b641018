"""Which monitors changed since a moment, by the transactions that wrote their rows.

Neither times nor an index can tell: a check carries the moment it began and is committed later, and an index
on what each check writes would cost every check more than all looks together. The rows themselves name the
transaction that wrote them last. 5,000 of them are looked through in a few milliseconds, once a second, and
only while somebody has a page open.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

# `top` is the next transaction's number, 64 bits wide; rows hold the lower 32. What was written by a
# transaction as young as the eldest that ran at the last look may be new. That one floor holds for
# savepoints too, whose numbers no snapshot lists.
LOOK = """
WITH now AS MATERIALIZED (
    SELECT pg_snapshot_xmin(shot)::text::int8 AS floor, pg_snapshot_xmax(shot)::text::int8 AS top
    FROM pg_current_snapshot() shot
)
SELECT floor, NULL::uuid, NULL::uuid, NULL::uuid, NULL, NULL FROM now
UNION ALL
SELECT NULL, m.id, m.organization_id, m.service_id, m.xmin::text, s.xmin::text
FROM now, monitor m JOIN monitor_standing s ON s.monitor_id = m.id
WHERE m.organization_id = ANY(%(organizations)s) AND (
    top - ((top - m.xmin::text::int8) & 4294967295) >= %(since)s
    OR top - ((top - s.xmin::text::int8) & 4294967295) >= %(since)s
)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """A monitor that changed, and who may see it."""

    id: UUID
    organization_id: UUID
    service_id: UUID | None


class Changes:
    """What changed between one look and the next. Nothing is missed, and nothing is told twice."""

    def __init__(self) -> None:
        self._since: int | None = None
        # Who wrote what was found last time: a long transaction keeps the floor low for as long as it runs.
        self._written: dict[UUID, tuple[str, str]] = {}

    def look(self, organizations: Collection[UUID]) -> list[Changed]:
        """Empty at the first look, which is where the next one begins."""
        begins = self._since is None
        with connection.cursor() as cursor:
            cursor.execute(LOOK, {"organizations": list(organizations), "since": self._since or 2**62})
            rows = cursor.fetchall()
        floor = next(row[0] for row in rows if row[0] is not None)
        if begins:
            self._since = floor
            return self._begin(organizations)
        found: list[Changed] = []
        written: dict[UUID, tuple[str, str]] = {}
        for _, id_, organization_id, service_id, *by in rows:
            if id_ is None:
                continue
            written[id_] = (by[0], by[1])
            if self._written.get(id_) != written[id_]:
                found.append(Changed(id=id_, organization_id=organization_id, service_id=service_id))
        self._since, self._written = floor, written
        return found

    def _begin(self, organizations: Collection[UUID]) -> list[Changed]:
        """What a look would find already is remembered, so that it is not told."""
        self.look(organizations)
        return []
