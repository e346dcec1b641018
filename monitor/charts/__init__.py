"""Draws numbers as SVG that is readable without JavaScript, with the same numbers in a table behind it."""

from .distribution import Bin, distribution
from .over_time import lines, stacked_bars
from .scales import Unit
from .series import Marker, Series, Threshold, TimeAxis, percentile_series, status_series
from .small import BarRow, Beat, bar_list, heartbeat, sparkline

__all__ = [
    "BarRow",
    "Beat",
    "Bin",
    "Marker",
    "Series",
    "Threshold",
    "TimeAxis",
    "Unit",
    "bar_list",
    "distribution",
    "heartbeat",
    "lines",
    "percentile_series",
    "sparkline",
    "stacked_bars",
    "status_series",
]
