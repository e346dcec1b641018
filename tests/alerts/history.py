"""Weeks of numbers, as the compaction leaves them: logs of then are past their retention."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor.lib.histogram import bucket_of
from monitor.metrics import rollups
from monitor.metrics.cells import Cell, Cells, Key
from monitor.models import Service
from monitor.models.metrics import Family, Resolution


def remember(
    service: Service,
    counts: Mapping[datetime, int],
    *,
    errors: int = 0,
    latency_ms: float = 10.0,
    resolution: Resolution = Resolution.HOUR,
    environment: str = "",
    endpoint: str = "",
) -> None:
    """So many requests in each hour (minute, day) that begins then, of all and of the endpoint."""
    cells: Cells = {}
    for start, requests in counts.items():
        for family, subject in (
            (Family.TOTAL, ""),
            *([(Family.ENDPOINT, endpoint)] if endpoint else []),
        ):
            cell = Cell(requests=requests, errors=errors)
            cell.answers["GET", 500] += errors
            cell.answers["GET", 200] += requests - errors
            cell.latencies.add_bucket(bucket_of(latency_ms), requests)
            cell.latencies.total += requests * latency_ms
            key = Key(
                service.id.bytes,
                family.value,
                resolution.value,
                int(start.timestamp()),
                subject,
                environment,
                "live",
            )
            cells[key] = cell
    rollups.add(cells)


def weeks_of(service: Service, hour: datetime, counts: list[int], **fields: object) -> None:
    """The same hour of the weeks before, the last one first."""
    by_start = {hour - timedelta(weeks=number): count for number, count in enumerate(counts, start=1)}
    remember(service, by_start, **fields)  # type: ignore[arg-type]
