"""Cut a window into whole days, hours and minutes, and the edges that are left of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from monitor.models.metrics import Resolution

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTHS: Mapping[Resolution, timedelta] = {
    Resolution.SIXTEEN_DAYS: timedelta(days=16),
    Resolution.FOUR_DAYS: timedelta(days=4),
    Resolution.DAY: timedelta(days=1),
    Resolution.SIX_HOURS: timedelta(hours=6),
    Resolution.HOUR: timedelta(hours=1),
    Resolution.TEN_MINUTES: timedelta(minutes=10),
    Resolution.MINUTE: timedelta(minutes=1),
}
# Days added up, once they are over.
BLOCKS = (Resolution.FOUR_DAYS, Resolution.SIXTEEN_DAYS)


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


def lay(
    since: datetime,
    until: datetime,
    kept_from: Mapping[Resolution, datetime],
    *,
    folded_until: datetime | None = None,
) -> Plan:
    """The plan of a window with the resolutions in `kept_from`, given coarsest first.

    `kept_from` tells from when on rows of a resolution are there; `folded_until` until when those of BLOCKS
    are, if anywhere.
    """
    tiles: list[Tile] = []
    edges: list[Span] = []
    units = [
        Unit(resolution, there_from, there_until)
        for resolution, there_from in kept_from.items()
        if (there_until := folded_until if resolution in BLOCKS else until) is not None
    ]
    _lay(since, until, units, tiles, edges)
    return Plan(tiles=tiles, edges=edges)


class Unit(NamedTuple):
    """From when until when rows of a resolution are there."""

    resolution: Resolution
    there_from: datetime
    there_until: datetime


def _lay(
    since: datetime,
    until: datetime,
    units: Sequence[Unit],
    tiles: list[Tile],
    edges: list[Span],
) -> None:
    if since >= until:
        return
    if not units:
        edges.append(Span(since=since, until=until))
        return
    (resolution, there_from, there_until), *finer = units
    first = ceiling(max(since, there_from), LENGTHS[resolution])
    last = floor(min(until, there_until), LENGTHS[resolution])
    if first >= last:
        _lay(since, until, finer, tiles, edges)
        return
    _lay(since, first, finer, tiles, edges)
    tiles.append(Tile(since=first, until=last, resolution=resolution))
    _lay(last, until, finer, tiles, edges)
