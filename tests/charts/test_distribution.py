"""How values are spread."""

from monitor.charts import Bin, distribution
from monitor.charts.frame import PLOT_HEIGHT
from tests.charts.drawing import elements, read, table_rows

BINS = [
    Bin(low=1, high=2, count=0),
    Bin(low=2, high=4, count=1000),
    Bin(low=4, high=8, count=500),
    Bin(low=8, high=16, count=1),
]


def bars_of(tree):
    return [
        (float(bar.get("x").rstrip("%")), float(bar.get("height")))
        for bar in elements(tree, "rect", "chart-bar")
    ]


def test_bars_stand_side_by_side_as_high_as_their_counts():
    bars = bars_of(read(distribution(BINS, chart_id="spread", title="Latency")))

    assert bars[:2] == [(26, PLOT_HEIGHT), (51, PLOT_HEIGHT / 2)]


def test_one_value_among_a_thousand_is_still_seen():
    bars = bars_of(read(distribution(BINS, chart_id="spread", title="Latency")))

    assert bars[2] == (76, 1.5)


def test_the_table_behind_holds_the_same_counts():
    rows = table_rows(read(distribution(BINS, chart_id="spread", title="Latency")))

    assert rows == [
        ["1 ms to 2 ms", "0"],
        ["2 ms to 4 ms", "1,000"],
        ["4 ms to 8 ms", "500"],
        ["8 ms to 16 ms", "1"],
    ]


def test_nothing_measured_is_said_in_words():
    assert "Nothing was measured" in distribution([], chart_id="spread", title="Latency")
