"""Charts that live inside a line of text or a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from .scales import Unit, value_text
from .series import Series
from .svg import number, percent, tag

_SPARK_HEIGHT = 24
_SPARK_WIDTH = 100
_BEAT_HEIGHT = 24


def sparkline(
    values: Sequence[float | None],
    *,
    label: str,
    unit: Unit = Unit.COUNT,
    css_class: str = "series-2xx",
) -> SafeString:
    """Bars from 0 to the highest value; gaps leave their place empty, and nothing at all is a flat line.

    Its name for screen readers is `label` with the highest and the latest value.
    """
    clean = Series(name=label, values=values, css_class=css_class)
    highest = max((value for value in clean.values if value is not None), default=0.0)
    return tag(
        "svg",
        {
            "class": f"spark {css_class}",
            "viewBox": f"0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}",
            "preserveAspectRatio": "none",
            "role": "img",
            "aria-label": _spark_label(clean, highest, unit),
        },
        tag("path", {"class": "spark-base", "d": f"M0 {_SPARK_HEIGHT - 0.5}H{_SPARK_WIDTH}"}),
        tag("path", {"class": "spark-bars", "d": _spark_bars(clean.values, highest)}),
    )


def _spark_label(series: Series, highest: float, unit: Unit) -> str:
    if not highest:
        return f"{series.name}: nothing"
    latest = next(value for value in reversed(series.values) if value is not None)
    return f"{series.name}: highest {value_text(highest, unit)}, latest {value_text(latest, unit)}"


def _spark_bars(values: Sequence[float | None], highest: float) -> str:
    slot = _SPARK_WIDTH / max(len(values), 1)
    bars = []
    for index, value in enumerate(values):
        if value:
            x, width = number(slot * (index + 0.1)), number(slot * 0.8)
            height = number(value / highest * (_SPARK_HEIGHT - 1))
            bars.append(f"M{x} {_SPARK_HEIGHT}v-{height}h{width}v{height}z")
    return "".join(bars)


BeatState = Literal["up", "slow", "down", "pending", "maintenance", "unknown"]

# Height is the second mark: trouble is tall, health is level, silence is a stub.
_BEAT_SHARE: dict[BeatState, float] = {
    "up": 0.62,
    "slow": 0.8,
    "down": 1.0,
    "pending": 0.5,
    "maintenance": 0.35,
    "unknown": 0.2,
}


@dataclass(frozen=True, kw_only=True)
class Beat:
    """One check or one evaluation: how it went, and the words for it (its time, its value)."""

    state: BeatState
    label: str


def heartbeat(beats: Sequence[Beat], *, label: str, height: int = _BEAT_HEIGHT, slots: int = 0) -> SafeString:
    """A strip of recent states, oldest first. Each one's words show on hover; the counts name the whole. With
    `slots` there is room for so many: fewer stand at the end, behind a line, as broad as they will stay."""
    count = max(slots, len(beats))
    first = count - len(beats)
    return tag(
        "svg",
        {
            "class": "beats",
            "width": "100%",
            "height": height,
            "role": "img",
            "aria-label": _counted(beats, label),
        },
        *([_nothing(first / count, height)] if first else []),
        *(_beat(beat, index, count, height) for index, beat in enumerate(beats, start=first)),
    )


def _nothing(share: float, room: int) -> SafeString:
    """What lies before the first beat."""
    return tag(
        "rect",
        {"class": "beat-none", "y": room / 2 - 1, "width": percent(share), "height": 2, "rx": 1},
    )


def _counted(beats: Sequence[Beat], label: str) -> str:
    counts = ", ".join(
        f"{count} {state}" for state in _BEAT_SHARE if (count := sum(beat.state == state for beat in beats))
    )
    return f"{label}: {counts or 'nothing yet'}"


def _beat(beat: Beat, index: int, count: int, room: int) -> SafeString:
    # A list of a hundred monitors draws thousands.
    frame = _frame(beat.state, index, count, room)
    return mark_safe(f"{frame}<title>{escape(beat.label)}</title></rect>")  # noqa: S308 - escaped


@lru_cache(maxsize=16_384)
def _frame(state: BeatState, index: int, count: int, room: int) -> str:
    """The beginning of one of `count` beats: the same in every strip of that length and height."""
    slot, height = 1 / count, room * _BEAT_SHARE[state]
    whole = tag(
        "rect",
        {
            "class": f"beat beat-{state}",
            "x": percent((index + 0.12) * slot),
            "y": (room - height) / 2,
            "width": percent(slot * 0.76),
            "height": height,
            "rx": 1,
        },
    )
    return whole.removesuffix("</rect>")


@dataclass(frozen=True, kw_only=True)
class BarRow:
    """One line of a list of bars; `href`, when given, makes its label a link."""

    label: str
    value: float
    href: str | None = None
    css_class: str = "series-plain"


def bar_list(
    rows: Sequence[BarRow], *, caption: str, unit: Unit = Unit.COUNT, empty: str = "Nothing in this window"
) -> SafeString:
    """A table of labels, bars and numbers, the longest bar as wide as its column."""
    if not rows:
        return tag("p", {"class": "chart-empty chart-empty-small"}, empty)
    series = Series(name=caption, values=[row.value for row in rows], css_class="")
    highest = max((value for value in series.values if value is not None), default=0.0)
    return tag(
        "table",
        {"class": "bar-list"},
        tag("caption", None, caption),
        tag(
            "tbody",
            None,
            *(_bar_row(row, value, highest, unit) for row, value in zip(rows, series.values, strict=True)),
        ),
    )


def _bar_row(row: BarRow, value: float | None, highest: float, unit: Unit) -> SafeString:
    name = tag("a", {"href": row.href}, row.label) if row.href else row.label
    share = (value or 0) / highest if highest else 0.0
    bar = tag(
        "svg",
        {"class": "bar-list-bar", "width": "100%", "height": 8, "aria-hidden": "true"},
        tag("rect", {"class": f"chart-bar {row.css_class}", "width": percent(share), "height": 8, "rx": 1}),
    )
    return tag(
        "tr",
        None,
        tag("th", {"scope": "row"}, name),
        tag("td", {"class": "bar-list-cell"}, bar),
        tag("td", {"class": "num"}, value_text(value, unit)),
    )
