"""Many services at once, each by itself, in whole minutes: from rollups and the deltas that wait."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from monitor.metrics import facts, rollups
from monitor.metrics.cells import Cell
from monitor.metrics.tiles import EPOCH

# One statement, so one snapshot: a delta that is being compacted is seen once.
STATEMENT = """
SELECT service_id, start, requests, errors, request_bytes, response_bytes, latency_ms, packed
FROM metric_rollup WHERE service_id = ANY(%(services)s) AND family = 'total'
AND resolution = 'minute' AND source = 'logs' AND start >= %(since)s AND start < %(until)s
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, packed FROM metric_delta WHERE services && %(services)s
"""
Cells = dict[UUID, dict[datetime, Cell]]


def cells_of_services(
    services: Sequence[UUID], *, since: datetime, until: datetime, step: timedelta
) -> Cells:
    """The cells of each service that has any, by the start of the step. `since` and `until` are whole
    minutes, at most 48 h ago."""
    wanted = {service.bytes: service for service in services}
    cells: Cells = defaultdict(lambda: defaultdict(Cell))
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, {"services": list(services), "since": since, "until": until})
        for service, start, *counts in cursor.fetchall():
            if service is not None:
                rollups.add_row(cells[service][step_of(start, step)], counts)
                continue
            for fact in facts.unpack(counts[-1]):
                minute = datetime.fromtimestamp(fact.minute * 60, tz=UTC)
                if fact.service in wanted and since <= minute < until:
                    cells[wanted[fact.service]][step_of(minute, step)].add_fact(fact)
    return cells


def step_of(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step
