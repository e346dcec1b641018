from datetime import UTC, datetime, timedelta

import pytest

from monitor.charts import Series, Threshold, TimeAxis, lines, percentile_series, stacked_bars, status_series
from tests.charts.drawing import NOON, PLOT_HEIGHT, axis_of, bars, elements, read, table_rows, top_of_scale


def stacked(counts, *, buckets, **options):
    return stacked_bars(
        axis_of(buckets), status_series(counts), chart_id="traffic", title="Requests", **options
    )


def path_points(path):
    """The runs of a drawn line as lists of (x, y)."""
    runs = []
    for run in path.get("d").split("M")[1:]:
        runs.append([tuple(map(float, point.replace("h0", "").split())) for point in run.split("L")])
    return runs


def test_bars_are_as_high_as_their_numbers():
    tree = read(stacked({"2xx": [100, 50, 0], "5xx": [0, 25, 200]}, buckets=3))

    assert top_of_scale(tree) == "200"
    assert bars(tree, "series-2xx") == {0: (0.0, PLOT_HEIGHT / 2), 1: (PLOT_HEIGHT / 8, PLOT_HEIGHT / 4)}
    assert bars(tree, "series-5xx") == {1: (0.0, PLOT_HEIGHT / 8), 2: (0.0, PLOT_HEIGHT)}


def test_errors_stand_at_the_baseline_under_the_successes():
    tree = read(stacked({"2xx": [70], "4xx": [20], "5xx": [10]}, buckets=1))

    bottoms = {kind: bars(tree, f"series-{kind}")[0][0] for kind in ("5xx", "4xx", "2xx")}
    assert bottoms["5xx"] < bottoms["4xx"] < bottoms["2xx"]


def test_bars_stand_where_their_bucket_lies_and_the_cut_last_one_is_narrower():
    axis = TimeAxis(start=NOON, end=NOON + timedelta(minutes=5), step=timedelta(minutes=2))

    tree = read(stacked_bars(axis, status_series({"2xx": [1, 1, 1]}), chart_id="c", title="t"))

    drawn = [
        (float(bar.get("x").rstrip("%")), float(bar.get("width").rstrip("%")))
        for bar in elements(tree, "rect", "series-2xx")
        if bar.get("y")
    ]
    assert drawn == [(3.2, 33.6), (43.2, 33.6), (81.6, 16.8)]


def test_one_error_among_ten_thousand_requests_is_underlined():
    tree = read(stacked({"2xx": [10_000, 10_000], "5xx": [0, 1]}, buckets=2))

    marks = elements(tree, "rect", "chart-error-mark")
    assert [(mark.get("x"), mark.get("width")) for mark in marks] == [("50%", "50%")]


def test_error_classes_have_a_pattern_beside_their_colour():
    tree = read(stacked({"2xx": [5], "4xx": [3], "5xx": [2]}, buckets=1))

    patterns = {pattern.get("id") for pattern in elements(tree, "pattern")}
    fills = {
        bar.get("class"): bar.get("fill") for bar in elements(elements(tree, "g", "chart-column")[0], "rect")
    }
    assert patterns == {"traffic-series-4xx", "traffic-series-5xx"}
    assert fills == {
        "chart-bar series-5xx": "url(#traffic-series-5xx)",
        "chart-bar series-4xx": "url(#traffic-series-4xx)",
        "chart-bar series-2xx": None,
    }


def test_the_table_behind_holds_the_same_numbers():
    tree = read(stacked({"2xx": [1234, None], "5xx": [0, 7]}, buckets=2))

    assert table_rows(tree) == [
        ["2026-11-21 12:00 UTC", "0", "1,234"],
        ["2026-11-21 12:01 UTC", "7", "-"],
    ]


def test_the_legend_tells_the_totals():
    tree = read(stacked({"2xx": [1000, 500], "5xx": [1, None]}, buckets=2))

    told = [tuple("".join(part.itertext()) for part in entry)[1:] for entry in elements(tree, "li")]
    assert told == [("2xx", "1,500"), ("5xx", "1")]


@pytest.mark.parametrize("counts", [{}, {"2xx": [0, 0]}, {"2xx": [None, 0], "5xx": [0, None]}])
def test_a_window_without_requests_says_so(counts):
    markup = stacked(counts, buckets=2)

    assert "No requests in this window" in markup
    assert "<svg" not in markup


def test_a_bucket_that_is_still_filling_is_marked_in_drawing_and_table():
    axis = axis_of(2, now=NOON + timedelta(seconds=90))

    tree = read(stacked_bars(axis, status_series({"2xx": [5, 2]}), chart_id="c", title="t"))

    columns = elements(tree, "g", "chart-column")
    assert [("is-open" in column.get("class")) for column in columns] == [False, True]
    assert [row[0] for row in table_rows(tree)] == ["2026-11-21 12:00 UTC", "2026-11-21 12:01 UTC so far"]


def test_a_line_passes_the_middle_of_each_bucket_at_its_value():
    tree = read(lines(axis_of(4), percentile_series({"p95": [0, 50, 100, 200]}), chart_id="c", title="t"))

    (path,) = elements(tree, "path", "series-p95")
    assert top_of_scale(tree) == "200 ms"
    assert path_points(path) == [[(125, PLOT_HEIGHT), (375, 120), (625, 80), (875, 0)]]


def test_a_gap_breaks_the_line_and_a_lonely_point_stays_a_dot():
    tree = read(
        lines(axis_of(5), percentile_series({"p50": [10, None, 20, None, None]}), chart_id="c", title="t")
    )

    (path,) = elements(tree, "path", "series-p50")
    assert path.get("d") == "M100 80h0M500 0h0"


def test_zero_is_drawn_where_a_gap_is_not():
    tree = read(lines(axis_of(2), percentile_series({"p50": [0, None]}), chart_id="c", title="t"))

    (path,) = elements(tree, "path", "series-p50")
    assert path_points(path) == [[(250, PLOT_HEIGHT)]]


def test_a_window_without_measurements_says_so():
    markup = lines(
        axis_of(2), percentile_series({"p50": [None, None]}), chart_id="c", title="t", empty="Nothing yet"
    )

    assert "Nothing yet" in markup
    assert "<svg" not in markup


def test_a_threshold_above_the_values_still_fits_into_the_chart():
    tree = read(
        lines(
            axis_of(1),
            percentile_series({"p95": [100]}),
            chart_id="c",
            title="t",
            threshold=Threshold(value=400, label="400 ms"),
        )
    )

    (group,) = elements(tree, "g", "chart-threshold")
    assert group.find("line").get("y1") == "8"
    assert group.find("text").text == "400 ms"


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_becomes_a_gap(broken):
    drawn = lines(axis_of(2), percentile_series({"p95": [broken, 5.0]}), chart_id="c", title="t")
    gap = lines(axis_of(2), percentile_series({"p95": [None, 5.0]}), chart_id="c", title="t")

    assert drawn == gap
    assert "nan" not in drawn.lower()


def test_words_from_outside_are_escaped_everywhere():
    evil = '"><script>alert(1)</script>'
    series = [Series(name=evil, values=[1], css_class="series-plain")]

    for draw in (stacked_bars, lines):
        markup = draw(axis_of(1), series, chart_id="c", title=evil, jump=f"/dashboard?q={evil}")
        assert "<script" not in markup
        assert read(markup).get("data-jump") == f"/dashboard?q={evil}"


def test_the_empty_words_are_escaped():
    assert "<b>" not in stacked_bars(axis_of(1), [], chart_id="c", title="t", empty="<b>none</b>")


def test_a_chart_carries_no_inline_style_or_script():
    markup = stacked({"2xx": [1], "5xx": [1]}, buckets=1) + lines(
        axis_of(1), percentile_series({"p95": [1]}), chart_id="c", title="t"
    )

    assert " style=" not in markup
    assert " on" not in markup.replace(" one", "")


def test_the_drawing_has_a_name_and_a_description():
    tree = read(stacked({"2xx": [1], "5xx": [1]}, buckets=1))

    (drawing,) = elements(tree, "svg", "chart-svg")
    named = {element.get("id"): element.text for element in drawing if element.get("id")}
    assert drawing.get("role") == "img"
    assert [named[part] for part in drawing.get("aria-labelledby").split()] == [
        "Requests",
        "5xx, 2xx from 2026-11-21 12:00 UTC to 2026-11-21 12:01 UTC, every 1 minute."
        " The table below holds the same numbers.",
    ]


def test_the_same_numbers_give_the_same_drawing():
    assert stacked({"2xx": [3], "4xx": [1]}, buckets=1) == stacked({"2xx": [3], "4xx": [1]}, buckets=1)


def test_values_that_do_not_match_the_buckets_are_refused():
    with pytest.raises(ValueError, match="2xx: 1 values for 2 buckets"):
        stacked({"2xx": [1]}, buckets=2)


def test_negative_values_are_refused():
    with pytest.raises(ValueError, match="count up from 0"):
        Series(name="x", values=[-1], css_class="")


def test_a_status_class_that_would_not_be_drawn_is_refused():
    with pytest.raises(ValueError, match="1xx"):
        status_series({"1xx": [1]})


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [
        (NOON, NOON, timedelta(minutes=1)),
        (NOON, NOON + timedelta(hours=1), timedelta(0)),
        (datetime(2026, 11, 21), datetime(2026, 11, 22), timedelta(hours=1)),  # noqa: DTZ001 - the naive case
        (NOON, datetime(2026, 11, 22), timedelta(hours=1)),  # noqa: DTZ001
    ],
)
def test_an_axis_without_length_step_or_zone_is_refused(start, end, step):
    with pytest.raises(ValueError, match="an axis needs"):
        TimeAxis(start=start, end=end, step=step)


def test_charts_of_days_say_that_days_are_utc():
    axis = TimeAxis(
        start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 11, 4, tzinfo=UTC), step=timedelta(days=1)
    )

    tree = read(stacked_bars(axis, status_series({"2xx": [1, 2, 3]}), chart_id="c", title="t"))

    assert [note.text for note in elements(tree, "span", "chart-note")] == ["Days in UTC"]
    assert {label.get("data-time-form") for label in elements(tree, "text", "chart-label-time")} == {"day"}
