"""Markers: moments that may explain what the numbers do after them."""

from datetime import timedelta

from monitor.charts import Marker, lines, percentile_series, stacked_bars, status_series
from tests.charts.drawing import NOON, axis_of, elements, read, table_rows


def minutes(count):
    return NOON + timedelta(minutes=count)


def drawn(markers, *, buckets=10):
    return read(
        stacked_bars(
            axis_of(buckets),
            status_series({"2xx": [1] * buckets}),
            chart_id="traffic",
            title="Requests",
            markers=markers,
        )
    )


def lines_of(tree):
    return [
        float(line.get("x1").rstrip("%")) for line in elements(tree, "g", "chart-markers")[0].iter("line")
    ]


def labels_of(tree):
    return [text.text for text in elements(tree, "g", "chart-markers")[0].iter("text")]


def test_a_marker_stands_at_its_moment_whatever_the_order_given():
    tree = drawn([Marker(at=minutes(5), label="v2"), Marker(at=minutes(2.5), label="v1")])

    assert lines_of(tree) == [25, 50]
    assert labels_of(tree) == ["v1", "v2"]


def test_a_marker_outside_the_axis_is_not_drawn():
    tree = drawn([Marker(at=minutes(-1), label="before"), Marker(at=minutes(10), label="after")])

    assert elements(tree, "g", "chart-markers") == []


def test_of_markers_close_together_the_last_alone_is_labelled():
    tree = drawn([Marker(at=minutes(n / 10), label=f"v{n}") for n in (50, 52, 54, 80)])

    assert lines_of(tree) == [50, 52, 54, 80]
    assert labels_of(tree) == ["v54", "v80"]
    # Each can be read by pointing at it.
    titles = [title.text for title in elements(tree, "g", "chart-markers")[0].iter("title")]
    assert titles[1] == "v52, 2026-11-21 12:05:12 UTC"


def test_a_marker_leads_where_it_says_and_its_label_is_only_text():
    markup = str(
        lines(
            axis_of(2),
            percentile_series({"p95": [1.0, 2.0]}),
            chart_id="latency",
            title="Latency",
            markers=[Marker(at=minutes(1), label="<b>v1</b>", href="/dashboard?since=x")],
        )
    )

    assert '<a href="/dashboard?since=x"><g class="chart-marker">' in markup
    assert "<b>" not in markup


def test_the_table_names_a_marker_beside_its_step():
    rows = table_rows(drawn([Marker(at=minutes(1), label="v2")], buckets=2))

    assert [row[0] for row in rows] == ["2026-11-21 12:00 UTC", "2026-11-21 12:01 UTC v2"]
