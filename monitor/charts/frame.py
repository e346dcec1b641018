"""What stands around the marks of every chart over time: caption, grid, axis, and the table behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils.safestring import SafeString

from .scales import Scale, Unit, moment_iso, moment_text, step_text, tick_text, time_ticks, value_text
from .series import Marker, Series, Threshold, TimeAxis
from .svg import percent, tag, together

# Pixels. The drawing is as wide as its place: x is given in per cent, y in pixels, and text
# keeps its size. Labels of the value axis stand left of x = 0, in a margin that charts.css leaves.
PLOT_HEIGHT = 160
_TOP = 8
_ERRORS_AT = _TOP + PLOT_HEIGHT + 3
_ERRORS_HEIGHT = 3
_LABELS_AT = _TOP + PLOT_HEIGHT + 20
_HEIGHT = _TOP + PLOT_HEIGHT + 26
# A marker's label is left out where it stands closer than this share of the axis to that of a later one.
_LABEL_ROOM = 0.12


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart's words and numbers, before they are drawn.

    `chart_id` is unique on its page. `zoom` lets a reader drag over a part of the window; the page gets it as
    `since` and `until`. `jump`, a URL, is where a click on one bucket leads, with the same two parameters.
    Markers outside the axis are not drawn.
    Raises ValueError when a series does not have a value for each bucket.
    """

    axis: TimeAxis
    series: Sequence[Series]
    chart_id: str
    title: str
    unit: Unit
    empty: str
    zoom: bool = False
    jump: str | None = None
    threshold: Threshold | None = None
    markers: Sequence[Marker] = ()

    def __post_init__(self) -> None:
        for series in self.series:
            if len(series.values) != len(self.axis.starts):
                raise ValueError(
                    f"{series.name}: {len(series.values)} values for {len(self.axis.starts)} buckets"
                )


def baseline() -> float:
    """Where 0 stands, in pixels from the top."""
    return _TOP + PLOT_HEIGHT


def framed(chart: Chart, scale: Scale, marks: SafeString, legend: SafeString) -> SafeString:
    """The figure: caption with legend, drawing, table."""
    return _figure(chart, legend, _drawing(chart, scale, marks), _table(chart))


def framed_empty(chart: Chart, legend: SafeString | None = None) -> SafeString:
    """The figure of a window in which nothing happened: it says so, at the size it would have had."""
    return _figure(chart, legend or together([]), tag("p", {"class": "chart-empty"}, chart.empty))


def legend_entry(series: Series, shown: str, *, swatch: SafeString) -> SafeString:
    return tag(
        "li",
        {"class": series.css_class},
        swatch,
        tag("span", {"class": "chart-legend-name"}, series.name),
        tag("span", {"class": "chart-legend-value"}, shown),
    )


def error_underline(chart: Chart) -> SafeString:
    """A line below each bucket in which an error series is not 0, however low its bar."""
    loud = [series for series in chart.series if series.is_error]
    return together(
        tag(
            "rect",
            {
                "class": "chart-error-mark",
                "x": percent(chart.axis.share(start)),
                "y": _ERRORS_AT,
                "width": percent((chart.axis.end_of(start) - start) / chart.axis.length),
                "height": _ERRORS_HEIGHT,
            },
        )
        for index, start in enumerate(chart.axis.starts)
        if any(series.values[index] for series in loud)
    )


def _figure(chart: Chart, legend: SafeString, *below: SafeString) -> SafeString:
    head = [tag("span", {"class": "chart-title"}, chart.title)]
    if chart.axis.step >= timedelta(days=1):
        head.append(tag("span", {"class": "chart-note"}, "Days in UTC"))
    if legend:
        head.append(tag("ul", {"class": "chart-legend"}, legend))
    return tag(
        "figure",
        {
            "class": "chart",
            "id": chart.chart_id,
            "data-chart": True,
            "data-start": moment_iso(chart.axis.start),
            "data-end": moment_iso(chart.axis.end),
            "data-zoom": chart.zoom,
            "data-jump": chart.jump,
        },
        tag("figcaption", {"class": "chart-head"}, *head),
        *below,
    )


def _drawing(chart: Chart, scale: Scale, marks: SafeString) -> SafeString:
    title_id, desc_id = f"{chart.chart_id}-title", f"{chart.chart_id}-desc"
    return tag(
        "div",
        {"class": "chart-plot"},
        tag(
            "svg",
            {
                "class": "chart-svg",
                "width": "100%",
                "height": _HEIGHT,
                "role": "img",
                "aria-labelledby": f"{title_id} {desc_id}",
                "data-plot-top": _TOP,
                "data-plot-height": PLOT_HEIGHT,
            },
            tag("title", {"id": title_id}, chart.title),
            tag("desc", {"id": desc_id}, _description(chart)),
            _patterns(chart),
            _grid(chart, scale),
            marks,
            _threshold(chart, scale),
            _markers(chart),
            _time_labels(chart.axis),
        ),
    )


def _description(chart: Chart) -> str:
    axis = chart.axis
    return (
        f"{', '.join(series.name for series in chart.series)}"
        f" from {moment_text(axis.start)} to {moment_text(axis.end)}, every {step_text(axis.step)}."
        " The table below holds the same numbers."
    )


def pattern_url(chart: Chart, series: Series) -> str | None:
    """The fill that marks a series beside its colour, None for a plain one."""
    return None if series.fill == "plain" else f"url(#{chart.chart_id}-{series.css_class})"


def _patterns(chart: Chart) -> SafeString:
    shapes = {
        "hatch": tag("path", {"class": "pattern-ink", "d": "M-1 7 L7 -1 M-1 1 L1 -1 M5 7 L7 5"}),
        "dots": tag("circle", {"class": "pattern-dot", "cx": 3, "cy": 3, "r": 1.1}),
    }
    patterns = [
        tag(
            "pattern",
            {
                "id": f"{chart.chart_id}-{series.css_class}",
                "class": series.css_class,
                "width": 6,
                "height": 6,
                "patternUnits": "userSpaceOnUse",
            },
            tag("rect", {"class": "pattern-ground", "width": 6, "height": 6}),
            shapes[series.fill],
        )
        for series in chart.series
        if series.fill != "plain"
    ]
    return tag("defs", None, *patterns) if patterns else together([])


def _grid(chart: Chart, scale: Scale) -> SafeString:
    return tag("g", {"class": "chart-grid"}, *(_gridline(value, scale, chart.unit) for value in scale.ticks))


def _gridline(value: float, scale: Scale, unit: Unit) -> SafeString:
    y = baseline() - scale.height(value, of=PLOT_HEIGHT)
    css_class = "chart-line chart-line-zero" if value == 0 else "chart-line"
    return together(
        [
            tag("line", {"class": css_class, "x1": "0", "x2": "100%", "y1": y, "y2": y}),
            tag(
                "text",
                {"class": "chart-label chart-label-value", "x": -8, "y": y + 4},
                tick_text(value, unit),
            ),
        ]
    )


def _threshold(chart: Chart, scale: Scale) -> SafeString:
    if chart.threshold is None:
        return together([])
    y = baseline() - scale.height(chart.threshold.value, of=PLOT_HEIGHT)
    return tag(
        "g",
        {"class": "chart-threshold"},
        tag("line", {"x1": "0", "x2": "100%", "y1": y, "y2": y}),
        tag("text", {"class": "chart-label", "x": "100%", "y": y - 5}, chart.threshold.label),
    )


def _markers(chart: Chart) -> SafeString:
    """Lines from top to bottom, in the order of time; of two that are close the later one has its label."""
    drawn: list[SafeString] = []
    free_until = 1.0 + _LABEL_ROOM
    for marker in sorted(chart.markers, key=lambda each: each.at, reverse=True):
        if not chart.axis.start <= marker.at < chart.axis.end:
            continue
        share = chart.axis.share(marker.at)
        has_room = share <= free_until - _LABEL_ROOM
        if has_room:
            free_until = share
        drawn.insert(0, _marker(marker, share, has_room=has_room))
    return tag("g", {"class": "chart-markers"}, *drawn) if drawn else together([])


def _marker(marker: Marker, share: float, *, has_room: bool) -> SafeString:
    x = percent(share)
    line = tag("line", {"x1": x, "x2": x, "y1": _TOP - 6, "y2": baseline()})
    # Near the right end a label stands on the left of its line.
    near_end = share > 1 - _LABEL_ROOM
    label = tag(
        "text",
        {
            "class": "chart-label",
            "x": x,
            "y": _TOP + 3,
            "dx": -4 if near_end else 4,
            "text-anchor": "end" if near_end else None,
        },
        marker.label,
    )
    title = tag("title", None, f"{marker.label}, {moment_text(marker.at)}")
    mark = tag("g", {"class": "chart-marker"}, title, line, *([label] if has_room else []))
    return tag("a", {"href": marker.href}, mark) if marker.href else mark


def _time_labels(axis: TimeAxis) -> SafeString:
    labels = []
    for index, tick in enumerate(time_ticks(axis)):
        # On a phone there is room for every other one.
        css_class = "chart-label chart-label-time" + (" chart-label-spare" if index % 2 else "")
        x = percent(axis.share(tick.at))
        labels.append(
            tag("line", {"class": "chart-tick", "x1": x, "x2": x, "y1": _ERRORS_AT, "y2": _ERRORS_AT + 4})
        )
        labels.append(
            tag(
                "text",
                {
                    "class": css_class,
                    "x": x,
                    "y": _LABELS_AT,
                    "data-time": moment_iso(tick.at),
                    "data-time-form": tick.form,
                },
                tick.text,
            )
        )
    return tag("g", {"class": "chart-times"}, *labels)


def _table(chart: Chart) -> SafeString:
    # Legends, stacks and tables read in one order: the topmost series first.
    head = tag("tr", None, tag("th", {"scope": "col"}, "From"), *(_column(series) for series in chart.series))
    return tag(
        "details",
        {"class": "chart-data"},
        tag("summary", None, "Show as table"),
        tag(
            "div",
            {"class": "table-wrap chart-data-scroll"},
            tag(
                "table",
                {"class": "data-table"},
                tag("caption", {"class": "visually-hidden"}, chart.title),
                tag("thead", None, head),
                tag("tbody", None, *(_row(chart, index) for index in range(len(chart.axis.starts)))),
            ),
        ),
    )


def _column(series: Series) -> SafeString:
    return tag("th", {"scope": "col", "class": "num", "data-series": series.css_class}, series.name)


def _row(chart: Chart, index: int) -> SafeString:
    start = chart.axis.starts[index]
    form = "day" if chart.axis.step >= timedelta(days=1) else "moment"
    moment = tag("time", {"datetime": moment_iso(start), "data-time-form": form}, moment_text(start))
    words = [each.label for each in chart.markers if start <= each.at < chart.axis.end_of(start)]
    words += ["so far"] if chart.axis.is_open(start) else []
    note = [tag("span", {"class": "chart-note"}, ", ".join(words))] if words else []
    cells = [
        tag("td", {"class": "num"}, value_text(series.values[index], chart.unit)) for series in chart.series
    ]
    return tag(
        "tr",
        {"data-from": moment_iso(start), "data-to": moment_iso(chart.axis.end_of(start))},
        tag("th", {"scope": "row"}, moment, *note),
        *cells,
    )
