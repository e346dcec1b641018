"""When endpoints and consumers were counted last.

By rollups: they outlive logs, and hold what clients counted.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from monitor.models.metrics import Family

# Two looks into the index for each: the newest minute, which is kept for two days, and the newest day.
STATEMENT = """
SELECT asked.subject, greatest(minute.start, day.start)
FROM unnest(%s::text[]) AS asked (subject)
LEFT JOIN LATERAL (SELECT max(start) AS start FROM metric_rollup WHERE subject = asked.subject
    AND resolution = 'minute' AND family = %s AND service_id = ANY(%s)) AS minute ON true
LEFT JOIN LATERAL (SELECT max(start) AS start FROM metric_rollup WHERE subject = asked.subject
    AND resolution = 'day' AND family = %s AND service_id = ANY(%s)) AS day ON true
WHERE greatest(minute.start, day.start) IS NOT NULL
"""


def last_counted(family: Family, ids: Sequence[UUID], services: Sequence[UUID]) -> dict[UUID, datetime]:
    """The minute in which these services' numbers hold each last, or after two days the day."""
    if not ids:
        return {}
    where: list[Any] = [family.value, list(services)]
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, [[str(id_) for id_ in ids], *where, *where])
        return {UUID(subject): start.astimezone(UTC) for subject, start in cursor.fetchall()}
