"""Round numbers along the sides of a chart, and how values are written there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from .series import TimeAxis

TimeForm = Literal["second", "minute", "day"]


class Unit(StrEnum):
    """What the values of a chart are; shares run from 0 to 1."""

    COUNT = "count"
    MILLISECONDS = "ms"
    SHARE = "share"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Values from 0 to `top`, and the round ones among them that get a line."""

    top: float
    ticks: tuple[float, ...]

    def height(self, value: float, *, of: float) -> float:
        """How high `value` stands in a plot that is `of` high."""
        return value / self.top * of


def value_scale(highest: float, unit: Unit, *, most_steps: int = 4) -> Scale:
    """The scale of at most `most_steps` round steps that reaches `highest`; counts step by whole numbers."""
    least = 1.0 if unit is Unit.COUNT else 0.001
    step = _round_step(max(highest, least) / most_steps, whole=unit is Unit.COUNT)
    steps = max(1, math.ceil(round(highest / step, 9)))
    ticks = tuple(_tidy(step * index) for index in range(steps + 1))
    return Scale(top=ticks[-1], ticks=ticks)


def _round_step(least: float, *, whole: bool) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is no less than `least`."""
    power: float = 10.0 ** math.floor(math.log10(least))
    steps = [_tidy(factor * power) for factor in (1.0, 2.0, 2.5, 5.0, 10.0)]
    return next(step for step in steps if step >= _tidy(least) and (not whole or step.is_integer()))


def _tidy(value: float) -> float:
    """`value` without the dust of binary fractions (0.30000000000000004)."""
    return float(f"{value:.12g}")


def tick_text(value: float, unit: Unit) -> str:
    """`value` as short as a label at a gridline must be: 1.5k, 250 ms, 2 s, 40 %."""
    if value == 0:
        return "0"
    if unit is Unit.SHARE:
        return f"{_tidy(value * 100):g} %"
    if unit is Unit.MILLISECONDS:
        return f"{_tidy(value / 1000):g} s" if value >= 1000 else f"{value:g} ms"
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{_tidy(value / size):.4g}{letter}"
    return f"{value:g}"


def value_text(value: float | None, unit: Unit) -> str:
    """`value` in full, as the table behind a chart shows it; a gap is a dash."""
    if value is None:
        return "-"
    if unit is Unit.SHARE:
        return f"{_trimmed(value * 100, 2)} %"
    if unit is Unit.MILLISECONDS:
        return f"{_trimmed(value / 1000, 3)} s" if value >= 10_000 else f"{_trimmed(value, 1)} ms"
    return _trimmed(value, 3)


def _trimmed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, kw_only=True)
class TimeTick:
    """A labelled moment; `form` tells the reader's browser how to write it in their zone."""

    at: datetime
    form: TimeForm
    text: str


_TIME_STEPS = tuple(
    [timedelta(seconds=count) for count in (1, 2, 5, 10, 15, 30)]
    + [timedelta(minutes=count) for count in (1, 2, 5, 10, 15, 30)]
    + [timedelta(hours=count) for count in (1, 2, 3, 6, 12)]
    + [timedelta(days=count) for count in (1, 2, 7, 14, 28, 84, 364)]
)
# A Monday, so that steps of a week begin where weeks do.
_ANCHOR = datetime(1970, 1, 5, tzinfo=UTC)
_DAY = timedelta(days=1)


def time_ticks(axis: TimeAxis, *, most: int = 7) -> list[TimeTick]:
    """At most `most` round UTC moments within the axis, evenly spaced and no closer than its buckets."""
    fitting = (step for step in _TIME_STEPS if step >= axis.step and axis.length / step <= most)
    step = next(fitting, axis.length)
    moment = _ANCHOR - ((_ANCHOR - axis.start) // step) * step
    ticks = []
    while moment < axis.end:
        if moment >= axis.start:
            ticks.append(_time_tick(moment, step))
        moment += step
    return ticks[:most]


def _time_tick(moment: datetime, step: timedelta) -> TimeTick:
    moment = moment.astimezone(UTC)
    form: TimeForm = "day" if step >= _DAY else "minute" if step >= timedelta(minutes=1) else "second"
    if form == "day" or (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        text = f"{moment.day} {moment:%b}"
    else:
        text = f"{moment:%H:%M:%S}" if form == "second" else f"{moment:%H:%M}"
    return TimeTick(at=moment, form=form, text=text)


def moment_text(moment: datetime) -> str:
    """A moment in full, in UTC, to the second where it has one."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment.second else f"{moment:%Y-%m-%d %H:%M} UTC"


def moment_iso(moment: datetime) -> str:
    """A moment as attributes carry it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def step_text(step: timedelta) -> str:
    """A length of time in its largest whole unit: 5 minutes, 1 hour."""
    seconds = step.total_seconds()
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {word}{'' if count == 1 else 's'}"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
