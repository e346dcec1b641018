"""Charts along an axis of time: stacked bars and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.safestring import SafeString

from .frame import (
    PLOT_HEIGHT,
    Chart,
    baseline,
    error_underline,
    framed,
    framed_empty,
    legend_entry,
    pattern_url,
)
from .scales import Scale, Unit, value_scale, value_text
from .series import Marker, Series, Threshold, TimeAxis
from .svg import number, percent, tag, together

# The width of the coordinates in which lines are drawn; stretched to the width of the place.
_LINE_WIDTH = 1000


def stacked_bars(
    axis: TimeAxis,
    series: Sequence[Series],
    *,
    chart_id: str,
    title: str,
    unit: Unit = Unit.COUNT,
    empty: str = "No requests in this window",
    zoom: bool = False,
    jump: str | None = None,
    markers: Sequence[Marker] = (),
) -> SafeString:
    """A figure with a bar a bucket, the first series at its bottom. The legend tells each one's total."""
    chart = Chart(
        axis=axis,
        series=series,
        chart_id=chart_id,
        title=title,
        unit=unit,
        empty=empty,
        zoom=zoom,
        jump=jump,
        markers=markers,
    )
    if all(each.is_silent for each in series):
        return framed_empty(chart)
    heights = [sum(each.values[index] or 0 for each in series) for index in range(len(axis.starts))]
    scale = value_scale(max(heights), unit)
    columns = (_column(chart, scale, index) for index in range(len(axis.starts)))
    legend = together(
        legend_entry(each, value_text(each.total, unit), swatch=_bar_swatch(chart, each))
        for each in reversed(series)
    )
    return framed(chart, scale, together([*columns, error_underline(chart)]), legend)


def _column(chart: Chart, scale: Scale, index: int) -> SafeString:
    start = chart.axis.starts[index]
    slot = (chart.axis.end_of(start) - start) / chart.axis.length
    x, width = percent(chart.axis.share(start) + slot * 0.08), percent(slot * 0.84)
    bottom = baseline()
    bars = []
    for series in chart.series:
        height = scale.height(series.values[index] or 0, of=PLOT_HEIGHT)
        if not height:
            continue
        bottom -= height
        bars.append(
            tag(
                "rect",
                {
                    "class": f"chart-bar {series.css_class}",
                    "x": x,
                    "y": bottom,
                    "width": width,
                    "height": height,
                    "fill": pattern_url(chart, series),
                },
            )
        )
    if not bars:
        return together([])
    return tag(
        "g",
        {
            "class": "chart-column is-open" if chart.axis.is_open(start) else "chart-column",
            "data-bucket": str(index),
        },
        *bars,
    )


def _bar_swatch(chart: Chart, series: Series) -> SafeString:
    return tag(
        "svg",
        {"class": "chart-swatch", "width": 10, "height": 10, "aria-hidden": "true"},
        tag("rect", {"class": "chart-bar", "width": 10, "height": 10, "fill": pattern_url(chart, series)}),
    )


def lines(
    axis: TimeAxis,
    series: Sequence[Series],
    *,
    chart_id: str,
    title: str,
    unit: Unit = Unit.MILLISECONDS,
    empty: str = "No requests in this window",
    zoom: bool = False,
    jump: str | None = None,
    threshold: Threshold | None = None,
    markers: Sequence[Marker] = (),
) -> SafeString:
    """A figure with a line a series, from bucket middle to bucket middle; where values are missing it breaks.

    The legend tells each one's latest value.
    """
    chart = Chart(
        axis=axis,
        series=series,
        chart_id=chart_id,
        title=title,
        unit=unit,
        empty=empty,
        zoom=zoom,
        jump=jump,
        threshold=threshold,
        markers=markers,
    )
    if all(each.is_unknown for each in series):
        return framed_empty(chart)
    known = [value for each in series for value in each.values if value is not None]
    scale = value_scale(max([*known, threshold.value if threshold else 0.0]), unit)
    drawn = tag(
        "svg",
        {
            "class": "chart-lines",
            "y": baseline() - PLOT_HEIGHT,
            "width": "100%",
            "height": PLOT_HEIGHT,
            "viewBox": f"0 0 {_LINE_WIDTH} {PLOT_HEIGHT}",
            "preserveAspectRatio": "none",
        },
        *(_line(chart, scale, each) for each in series),
    )
    legend = together(
        legend_entry(each, value_text(_latest(each), unit), swatch=_line_swatch())
        for each in reversed(series)
    )
    return framed(chart, scale, together([drawn, error_underline(chart)]), legend)


def _line(chart: Chart, scale: Scale, series: Series) -> SafeString:
    """The path of a series, and the dots of its values that have no neighbours: as lines they would be
    nothing, and one window that fired is what an alert's chart is looked at for."""
    along: list[str] = []
    alone: list[str] = []
    for run in _runs(series.values):
        points = [_place(chart, scale, index, series.values[index] or 0) for index in run]
        if len(points) == 1:
            # A line of no length, which round caps show as a dot.
            alone.append(f"M{points[0]}h0")
        else:
            along.append("M" + "L".join(points))
    paths = [("chart-path", along), ("chart-path chart-lone", alone)]
    return together(
        tag(
            "path",
            {
                "class": f"{name} {series.css_class}",
                "d": "".join(steps),
                "fill": "none",
                "vector-effect": "non-scaling-stroke",
            },
        )
        for name, steps in paths
        if steps
    )


def _runs(values: Sequence[float | None]) -> Iterator[range]:
    """The stretches of values without a gap, as indices."""
    begun: int | None = None
    for index, value in enumerate([*values, None]):
        if value is not None:
            begun = index if begun is None else begun
        elif begun is not None:
            yield range(begun, index)
            begun = None


def _place(chart: Chart, scale: Scale, index: int, value: float) -> str:
    """The middle of a bucket, at the height of its value."""
    start = chart.axis.starts[index]
    middle = start + (chart.axis.end_of(start) - start) / 2
    y = PLOT_HEIGHT - scale.height(value, of=PLOT_HEIGHT)
    return f"{number(chart.axis.share(middle) * _LINE_WIDTH)} {number(y)}"


def _latest(series: Series) -> float | None:
    return next((value for value in reversed(series.values) if value is not None), None)


def _line_swatch() -> SafeString:
    return tag(
        "svg",
        {"class": "chart-swatch", "width": 16, "height": 10, "aria-hidden": "true"},
        tag("path", {"class": "chart-path", "d": "M1 5H15", "fill": "none"}),
    )
