"""Many services at once, each by itself, in whole minutes: from rollups and the deltas that wait."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from monitor.metrics import facts, rollups
from monitor.metrics.cells import Cell
from monitor.metrics.counted import Place, Speakers
from monitor.metrics.tiles import EPOCH

# One statement, so one snapshot: a delta that is being compacted is seen once.
STATEMENT = """
SELECT service_id, start, requests, errors, request_bytes, response_bytes, request_sized, response_sized,
    latency_ms, packed
FROM metric_rollup WHERE service_id = ANY(%s) AND family = 'total'
AND resolution = 'minute' AND start >= %s AND start < %s AND {source}
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, packed FROM metric_delta WHERE services && %s
"""
Cells = dict[UUID, dict[datetime, Cell]]


def cells_of_services(
    services: Sequence[UUID], *, since: datetime, until: datetime, step: timedelta, counted: Sequence[Place]
) -> Cells:
    """The cells of each service that has any, by the start of the step. `since` and `until` are whole
    minutes, at most 48 h ago; `counted` are the days in between that clients have counted."""
    wanted = {service.bytes: service for service in services}
    speakers = Speakers(counted)
    source, places = speakers.condition()
    params = [list(services), since, until, *places, list(services)]
    cells: Cells = defaultdict(lambda: defaultdict(Cell))
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT.format(source=source), params)
        for service, start, *counts in cursor.fetchall():
            if service is not None:
                rollups.add_row(cells[service][step_of(start, step)], counts)
                continue
            for fact in facts.unpack(counts[-1]):
                if fact.source != speakers.of(fact):
                    continue
                minute = datetime.fromtimestamp(fact.minute * 60, tz=UTC)
                if fact.service in wanted and since <= minute < until:
                    cells[wanted[fact.service]][step_of(minute, step)].add_fact(fact)
    return cells


def step_of(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step
