"""Reads a drawn chart back into numbers, as a reader's eye does."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from monitor.charts import TimeAxis
from monitor.charts.frame import PLOT_HEIGHT, baseline

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def axis_of(buckets, *, step=timedelta(minutes=1), start=NOON, now=None):
    return TimeAxis(start=start, end=start + buckets * step, step=step, now=now)


def read(markup):
    """The markup as a tree; it is strict XML apart from attributes without a value."""
    xml = markup.replace(" data-chart ", ' data-chart="" ').replace(" data-zoom", ' data-zoom=""')
    return ElementTree.fromstring(xml)  # noqa: S314 - our own drawing


def elements(tree, name, css_class=""):
    return [
        element
        for element in tree.iter(name)
        if not css_class or css_class in element.get("class", "").split()
    ]


def bars(tree, css_class):
    """Bucket -> (bottom, height) of a series' bars, in pixels above the baseline."""
    found = {}
    for column in elements(tree, "g", "chart-column"):
        for bar in elements(column, "rect", css_class):
            y, height = float(bar.get("y")), float(bar.get("height"))
            found[int(column.get("data-bucket"))] = (baseline() - y - height, height)
    return found


def top_of_scale(tree):
    """What the highest gridline stands for, read from how high 1 pixel is."""
    return elements(tree, "text", "chart-label-value")[-1].text


def table_rows(tree):
    return [[" ".join(cell.itertext()) for cell in row] for row in tree.find(".//tbody")]


__all__ = ["NOON", "PLOT_HEIGHT", "axis_of", "bars", "elements", "read", "table_rows", "top_of_scale"]
