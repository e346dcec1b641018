from datetime import UTC, datetime, timedelta, timezone

import pytest

from monitor.charts import TimeAxis, Unit
from monitor.charts.scales import step_text, tick_text, time_ticks, value_scale, value_text
from tests.charts.drawing import NOON


@pytest.mark.parametrize(
    ("highest", "unit", "ticks"),
    [
        (0, Unit.COUNT, (0, 1)),
        (1, Unit.COUNT, (0, 1)),
        (3, Unit.COUNT, (0, 1, 2, 3)),
        (7, Unit.COUNT, (0, 2, 4, 6, 8)),
        (10, Unit.COUNT, (0, 5, 10)),  # 2.5 of a request does not exist
        (100, Unit.COUNT, (0, 25, 50, 75, 100)),
        (101, Unit.COUNT, (0, 50, 100, 150)),
        (10, Unit.MILLISECONDS, (0, 2.5, 5, 7.5, 10)),
        (0.3, Unit.SHARE, (0, 0.1, 0.2, 0.3)),  # no 0.30000000000000004
        (1_000_000, Unit.COUNT, (0, 250_000, 500_000, 750_000, 1_000_000)),
    ],
)
def test_gridlines_stand_at_round_values_that_reach_the_highest(highest, unit, ticks):
    scale = value_scale(highest, unit)

    assert scale.ticks == ticks
    assert scale.top == ticks[-1]


@pytest.mark.parametrize("highest", [0.0004, 0.07, 1, 9.99, 12, 99, 1001, 4999, 123_456_789, 10**15])
def test_every_scale_reaches_its_highest_value_in_few_steps_without_much_air(highest):
    scale = value_scale(highest, Unit.MILLISECONDS)

    assert scale.top >= highest
    assert len(scale.ticks) <= 5
    assert scale.top <= max(highest, 0.001) * 2.01


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, Unit.COUNT, "0"),
        (999, Unit.COUNT, "999"),
        (1500, Unit.COUNT, "1.5k"),
        (2_500_000, Unit.COUNT, "2.5M"),
        (0, Unit.MILLISECONDS, "0"),
        (250, Unit.MILLISECONDS, "250 ms"),
        (1000, Unit.MILLISECONDS, "1 s"),
        (2500, Unit.MILLISECONDS, "2.5 s"),
        (0.025, Unit.SHARE, "2.5 %"),
        (1, Unit.SHARE, "100 %"),
    ],
)
def test_labels_at_gridlines_are_short(value, unit, text):
    assert tick_text(value, unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, Unit.COUNT, "-"),
        (1_234_567, Unit.COUNT, "1,234,567"),
        (12.34, Unit.MILLISECONDS, "12.3 ms"),
        (1234.5, Unit.MILLISECONDS, "1,234.5 ms"),
        (12_345, Unit.MILLISECONDS, "12.345 s"),
        (0.01234, Unit.SHARE, "1.23 %"),
        (100, Unit.COUNT, "100"),
    ],
)
def test_values_in_tables_are_written_in_full(value, unit, text):
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    ("length", "texts"),
    [
        (timedelta(seconds=10), ["12:00:00", "12:00:02", "12:00:04", "12:00:06", "12:00:08"]),
        (timedelta(hours=1), ["12:00", "12:10", "12:20", "12:30", "12:40", "12:50"]),
        (timedelta(hours=24), ["12:00", "18:00", "22 Nov", "06:00"]),
        (timedelta(days=7), ["22 Nov", "23 Nov", "24 Nov", "25 Nov", "26 Nov", "27 Nov", "28 Nov"]),
        (timedelta(days=30), ["23 Nov", "30 Nov", "7 Dec", "14 Dec", "21 Dec"]),
    ],
)
def test_times_are_labelled_at_round_moments(length, texts):
    axis = TimeAxis(start=NOON, end=NOON + length, step=length / 10)

    assert [tick.text for tick in time_ticks(axis)] == texts


def test_labels_are_in_utc_whatever_zone_the_axis_was_given_in():
    tokyo = timezone(timedelta(hours=9))
    axis = TimeAxis(
        start=datetime(2026, 11, 21, 21, tzinfo=tokyo),
        end=datetime(2026, 11, 21, 22, tzinfo=tokyo),
        step=timedelta(minutes=1),
    )

    assert [tick.at for tick in time_ticks(axis)][:2] == [NOON, datetime(2026, 11, 21, 12, 10, tzinfo=UTC)]


@pytest.mark.parametrize("days", [1, 2, 3, 45, 400, 4000])
def test_no_window_has_more_than_seven_labels(days):
    axis = TimeAxis(start=NOON, end=NOON + timedelta(days=days), step=timedelta(days=1))

    assert 1 <= len(time_ticks(axis)) <= 7


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (timedelta(seconds=10), "10 seconds"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=6), "6 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(seconds=90), "90 seconds"),
    ],
)
def test_a_step_is_named_in_its_largest_whole_unit(step, text):
    assert step_text(step) == text
