import re

import pytest

from monitor.charts import BarRow, Beat, Unit, bar_list, heartbeat, sparkline
from tests.charts.drawing import elements, read


def test_a_sparkline_has_a_bar_for_each_value_as_high_as_its_share_of_the_highest():
    tree = read(sparkline([10, None, 0, 5], label="Requests"))

    (path,) = elements(tree, "path", "spark-bars")
    assert re.findall(r"M([\d.]+) 24v-([\d.]+)", path.get("d")) == [("2.5", "23"), ("77.5", "11.5")]
    assert tree.get("aria-label") == "Requests: highest 10, latest 5"


@pytest.mark.parametrize("values", [[], [0, 0], [None, None]])
def test_a_sparkline_of_nothing_is_a_flat_line_that_says_so(values):
    tree = read(sparkline(values, label="Requests"))

    assert elements(tree, "path", "spark-bars")[0].get("d") == ""
    assert tree.get("aria-label") == "Requests: nothing"


def test_a_sparkline_knows_its_unit():
    assert 'aria-label="p95: highest 12 ms, latest 8 ms"' in sparkline(
        [12, 8], label="p95", unit=Unit.MILLISECONDS
    )


def test_a_heartbeat_tells_states_by_height_as_well_as_by_colour():
    states = ["up", "slow", "down", "unknown"]

    tree = read(heartbeat([Beat(state=state, label=state) for state in states], label="Checks"))

    heights = [float(beat.get("height")) for beat in elements(tree, "rect")]
    assert len(set(heights)) == 4
    assert heights.index(max(heights)) == states.index("down")
    assert tree.get("aria-label") == "Checks: 1 up, 1 slow, 1 down, 1 unknown"


def test_few_beats_stand_at_the_end_as_broad_as_they_will_stay():
    one, two = Beat(state="up", label="1"), Beat(state="down", label="2")

    tree = read(heartbeat([one, two], label="Checks", slots=4))

    line, *beats = elements(tree, "rect")
    assert (line.get("class"), line.get("width")) == ("beat-none", "50%")
    assert [beat.get("x") for beat in beats] == ["53%", "78%"]
    assert {beat.get("width") for beat in beats} == {"19%"}
    assert tree.get("aria-label") == "Checks: 1 up, 1 down"


def test_a_heartbeat_without_beats_says_so():
    assert 'aria-label="Checks: nothing yet"' in heartbeat([], label="Checks")


def test_the_longest_bar_of_a_list_fills_its_column():
    tree = read(
        bar_list([BarRow(label="GET", value=80), BarRow(label="POST", value=20)], caption="By method")
    )

    assert [bar.get("width") for bar in elements(tree, "rect")] == ["100%", "25%"]
    assert ["".join(cell.itertext()) for cell in elements(tree, "td", "num")] == ["80", "20"]


def test_a_list_of_zeros_draws_no_bar():
    tree = read(bar_list([BarRow(label="GET", value=0)], caption="By method"))

    assert [bar.get("width") for bar in elements(tree, "rect")] == ["0%"]


def test_an_empty_list_says_so():
    assert "Nothing in this window" in bar_list([], caption="By method")


def test_labels_of_small_charts_are_escaped():
    evil = '"><script>alert(1)</script>'

    markup = (
        sparkline([1], label=evil)
        + heartbeat([Beat(state="up", label=evil)], label=evil)
        + bar_list([BarRow(label=evil, value=1, href=f"/dashboard?path={evil}")], caption=evil)
    )

    assert "<script" not in markup


def test_small_charts_carry_no_inline_style():
    markup = sparkline([1], label="x") + heartbeat([Beat(state="up", label="x")], label="x")

    assert " style=" not in markup
