"""How values are spread: a bar for each range of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from .frame import PLOT_HEIGHT, baseline
from .scales import Unit, tick_text, value_scale, value_text
from .svg import percent, tag, together

_HEIGHT = int(baseline()) + 26
_MOST_LABELS = 8


@dataclass(frozen=True, kw_only=True)
class Bin:
    """How many values lie from `low` up to `high`."""

    low: float
    high: float
    count: int


def distribution(
    bins: Sequence[Bin],
    *,
    chart_id: str,
    title: str,
    unit: Unit = Unit.MILLISECONDS,
    empty: str = "Nothing was measured in this window",
) -> SafeString:
    """A figure with a bar a bin, side by side whatever their ranges, and the same counts in a table."""
    head = tag("figcaption", {"class": "chart-head"}, tag("span", {"class": "chart-title"}, title))
    if not any(each.count for each in bins):
        body = tag("p", {"class": "chart-empty"}, empty)
        return tag("figure", {"class": "chart", "id": chart_id}, head, body)
    return tag(
        "figure",
        {"class": "chart", "id": chart_id},
        head,
        _drawing(bins, chart_id, title, unit),
        _table(bins, title, unit),
    )


def _drawing(bins: Sequence[Bin], chart_id: str, title: str, unit: Unit) -> SafeString:
    scale = value_scale(max(each.count for each in bins), Unit.COUNT)
    grid = []
    for value in scale.ticks:
        y = baseline() - scale.height(value, of=PLOT_HEIGHT)
        css_class = "chart-line chart-line-zero" if value == 0 else "chart-line"
        grid.append(tag("line", {"class": css_class, "x1": "0", "x2": "100%", "y1": y, "y2": y}))
        words = tick_text(value, Unit.COUNT)
        grid.append(tag("text", {"class": "chart-label chart-label-value", "x": -8, "y": y + 4}, words))
    slot = 1 / len(bins)
    bars = [
        _bar(each, index * slot, slot, scale.height(each.count, of=PLOT_HEIGHT), unit)
        for index, each in enumerate(bins)
        if each.count
    ]
    svg = tag(
        "svg",
        {
            "class": "chart-svg",
            "width": "100%",
            "height": _HEIGHT,
            "role": "img",
            "aria-label": f"{title}. The table below holds the same numbers.",
        },
        tag("g", {"class": "chart-grid"}, *grid),
        *bars,
        _labels(bins, slot, unit),
    )
    return tag("div", {"class": "chart-plot"}, svg)


def _bar(each: Bin, x: float, slot: float, height: float, unit: Unit) -> SafeString:
    # A single value among a million must still be seen.
    height = max(height, 1.5)
    return tag(
        "rect",
        {
            "class": "chart-bar series-plain",
            "x": percent(x + slot * 0.04),
            "y": baseline() - height,
            "width": percent(slot * 0.92),
            "height": height,
        },
        tag("title", None, f"{_range(each, unit)}: {value_text(each.count, Unit.COUNT)}"),
    )


def _labels(bins: Sequence[Bin], slot: float, unit: Unit) -> SafeString:
    every = -(-len(bins) // _MOST_LABELS)
    labels = []
    for index in range(0, len(bins), every):
        # On a phone there is room for every other one.
        spare = " chart-label-spare" if index // every % 2 else ""
        labels.append(
            tag(
                "text",
                {
                    "class": f"chart-label chart-label-time{spare}",
                    "x": percent(index * slot),
                    "y": baseline() + 20,
                },
                value_text(bins[index].low, unit),
            )
        )
    return together(labels)


def _range(each: Bin, unit: Unit) -> str:
    return f"{value_text(each.low, unit)} to {value_text(each.high, unit)}"


def _table(bins: Sequence[Bin], title: str, unit: Unit) -> SafeString:
    head = tag("tr", None, tag("th", {"scope": "col"}, "Range"), tag("th", {"scope": "col"}, "Requests"))
    rows = (
        tag(
            "tr",
            None,
            tag("th", {"scope": "row"}, _range(each, unit)),
            tag("td", {"class": "num"}, value_text(each.count, Unit.COUNT)),
        )
        for each in bins
    )
    table = tag(
        "table",
        {"class": "data-table"},
        tag("caption", {"class": "visually-hidden"}, title),
        tag("thead", None, head),
        tag("tbody", None, *rows),
    )
    return tag(
        "details",
        {"class": "chart-data"},
        tag("summary", None, "Show as table"),
        tag("div", {"class": "table-wrap chart-data-scroll"}, table),
    )
