"""What a chart is drawn from: an axis of time and named rows of numbers along it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

Fill = Literal["plain", "hatch", "dots"]


@dataclass(frozen=True, kw_only=True)
class TimeAxis:
    """A window cut into equal buckets; the last one is shorter when `step` does not divide the window.

    `now`, when given, marks buckets that are still filling, so that a falling last bar is not taken for news.
    Raises ValueError for a window that is empty, for naive moments and for a step of nothing.
    """

    start: datetime
    end: datetime
    step: timedelta
    now: datetime | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("an axis needs moments with a zone")
        if self.end <= self.start or self.step <= timedelta(0):
            raise ValueError("an axis needs a window and a step of some length")

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @cached_property
    def starts(self) -> tuple[datetime, ...]:
        """Where each bucket begins."""
        count = -(-self.length // self.step)
        return tuple(self.start + index * self.step for index in range(count))

    def end_of(self, start: datetime) -> datetime:
        """Where the bucket that begins at `start` ends (that moment belongs to the next one)."""
        return min(start + self.step, self.end)

    def share(self, moment: datetime) -> float:
        """How far along the axis `moment` lies: 0 at the start, 1 at the end."""
        return (moment - self.start) / self.length

    def is_open(self, start: datetime) -> bool:
        """Whether the bucket that begins at `start` is still filling."""
        return self.now is not None and self.end_of(start) > self.now


@dataclass(frozen=True, kw_only=True)
class Series:
    """One row of numbers, a value a bucket; None is a gap ("nothing was measured"), which is not 0.

    `css_class` picks the colour from charts.css. `fill` is the second mark of a bar beside its colour;
    `is_error` underlines, below the axis, the buckets in which the value is not 0: one error among ten
    thousand requests is too low a bar to be seen. NaN and infinities become gaps; negative values are
    refused.
    """

    name: str
    values: Sequence[float | None]
    css_class: str
    fill: Fill = "plain"
    is_error: bool = False

    def __post_init__(self) -> None:
        clean = tuple(None if value is None or not math.isfinite(value) else value for value in self.values)
        if any(value is not None and value < 0 for value in clean):
            raise ValueError(f"{self.name}: charts count up from 0")
        object.__setattr__(self, "values", clean)

    @property
    def total(self) -> float:
        return sum(value for value in self.values if value is not None)

    @property
    def is_silent(self) -> bool:
        """Whether no bucket holds anything but gaps and zeros."""
        return not any(self.values)

    @property
    def is_unknown(self) -> bool:
        """Whether every bucket is a gap."""
        return all(value is None for value in self.values)


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A horizontal line to hold values against, as an alert rule does."""

    value: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A moment that may explain what the numbers do after it, as a deployment does: a vertical line.

    `label` is a word or two, `href` where a click on it leads.
    """

    at: datetime
    label: str
    href: str | None = None


# From the bottom up: errors share the baseline, where heights compare best; the bulk of success floats above.
_STATUS_LOOKS: tuple[tuple[str, str, str, Fill, bool], ...] = (
    ("5xx", "5xx", "series-5xx", "hatch", True),
    ("4xx", "4xx", "series-4xx", "dots", False),
    ("other", "Other", "series-other", "plain", False),
    ("3xx", "3xx", "series-3xx", "plain", False),
    ("2xx", "2xx", "series-2xx", "plain", False),
)


def status_series(counts: Mapping[str, Sequence[float | None]]) -> list[Series]:
    """Counts by status class (keys 2xx, 3xx, 4xx, 5xx, other; missing ones are left out) as series to stack.

    Raises ValueError for any other key: a class that is not drawn would make the bars lie about the total.
    """
    unknown = set(counts) - {key for key, *_ in _STATUS_LOOKS}
    if unknown:
        raise ValueError(f"no such status class: {', '.join(sorted(unknown))}")
    return [
        Series(name=name, values=counts[key], css_class=css_class, fill=fill, is_error=is_error)
        for key, name, css_class, fill, is_error in _STATUS_LOOKS
        if key in counts
    ]


def percentile_series(durations_ms: Mapping[str, Sequence[float | None]]) -> list[Series]:
    """Rows named p50, p75, p95, p99 as lines, in the order given."""
    return [
        Series(name=name, values=values, css_class=f"series-{name}") for name, values in durations_ms.items()
    ]
