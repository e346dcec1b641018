"""Count and measure requests over windows of time."""

from monitor.metrics.answer import (
    Group,
    Groups,
    Series,
    TooMuchToCount,
    counts_by,
    groups_for,
    latencies_by,
    measure_for,
    series_for,
)
from monitor.metrics.counted import Counted
from monitor.metrics.measure import Measurement, measure
from monitor.metrics.question import GroupBy, Question, ask
from monitor.metrics.series import Bucket, measure_over_time
from monitor.metrics.windows import WindowQuestion, read_windows

__all__ = [
    "Bucket",
    "Counted",
    "Group",
    "GroupBy",
    "Groups",
    "Measurement",
    "Question",
    "Series",
    "TooMuchToCount",
    "WindowQuestion",
    "ask",
    "counts_by",
    "groups_for",
    "latencies_by",
    "measure",
    "measure_for",
    "measure_over_time",
    "read_windows",
    "series_for",
]
