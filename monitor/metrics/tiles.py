"""Cut a window into whole days, hours and minutes, and the edges that are left of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.models.metrics import Resolution

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTHS: Mapping[Resolution, timedelta] = {
    Resolution.DAY: timedelta(days=1),
    Resolution.SIX_HOURS: timedelta(hours=6),
    Resolution.HOUR: timedelta(hours=1),
    Resolution.TEN_MINUTES: timedelta(minutes=10),
    Resolution.MINUTE: timedelta(minutes=1),
}


@dataclass(frozen=True, kw_only=True)
class Span:
    """From `since` up to, not including, `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Tile(Span):
    """A span that starts and ends with a unit of its resolution."""

    resolution: Resolution


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a window is put together: tiles from rollups, edges from logs. They tile it."""

    tiles: Sequence[Tile] = ()
    edges: Sequence[Span] = ()


def floor(moment: datetime, unit: timedelta) -> datetime:
    return moment - (moment - EPOCH) % unit


def ceiling(moment: datetime, unit: timedelta) -> datetime:
    return moment + (EPOCH - moment) % unit


def lay(since: datetime, until: datetime, kept_from: Mapping[Resolution, datetime]) -> Plan:
    """The plan of a window with the resolutions in `kept_from`, given coarsest first.

    `kept_from` tells from when on rows of a resolution are there.
    """
    tiles: list[Tile] = []
    edges: list[Span] = []
    _lay(since, until, list(kept_from.items()), tiles, edges)
    return Plan(tiles=tiles, edges=edges)


def _lay(
    since: datetime,
    until: datetime,
    units: Sequence[tuple[Resolution, datetime]],
    tiles: list[Tile],
    edges: list[Span],
) -> None:
    if since >= until:
        return
    if not units:
        edges.append(Span(since=since, until=until))
        return
    (resolution, there_from), *finer = units
    first = ceiling(max(since, there_from), LENGTHS[resolution])
    last = floor(until, LENGTHS[resolution])
    if first >= last:
        _lay(since, until, finer, tiles, edges)
        return
    _lay(since, first, finer, tiles, edges)
    tiles.append(Tile(since=first, until=last, resolution=resolution))
    _lay(last, until, finer, tiles, edges)
