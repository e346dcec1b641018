"""Schedules by the clock on a wall."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.probing.schedules import BadSchedule, Schedule, longest_wait

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONTH = 31 * DAY


@pytest.mark.parametrize(
    ("expression", "zone", "wait"),
    [
        ("* * * * *", "Europe/Berlin", timedelta(minutes=1)),
        ("*/20 * * * *", "UTC", timedelta(minutes=20)),
        ("0 3 * * *", "UTC", DAY),
        # On the night when clocks are set back.
        ("0 3 * * *", "Europe/Berlin", DAY + HOUR),
        ("0 9-17 * * mon-fri", "UTC", 3 * DAY - 8 * HOUR),
        ("0 0 1 * *", "UTC", MONTH),
    ],
)
def test_the_longest_wait_is_that_between_two_moments(expression, zone, wait):
    assert longest_wait(Schedule(expression=expression, timezone=zone), most=MONTH) == wait


@pytest.mark.parametrize("expression", ["0 0 31 * *", "0 0 1 1-6 *", "0 0 29 2 *", "0 0 31 12 *"])
def test_a_wait_beyond_what_is_asked_for_is_known_to_be_beyond(expression):
    assert longest_wait(Schedule(expression=expression), most=MONTH) > MONTH


def test_moments_keep_their_time_on_the_wall_when_clocks_change():
    schedule = Schedule(expression="30 7 * * *", timezone="Europe/Berlin")

    summer = schedule.next_after(datetime(2026, 10, 24, 1, tzinfo=UTC))

    assert summer == datetime(2026, 10, 24, 5, 30, tzinfo=UTC)
    assert schedule.next_after(summer) == datetime(2026, 10, 25, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"expression": "soon"}, "expression"),
        ({"expression": "0 0 30 2 *"}, "expression"),
        ({"expression": "0 3 * * *", "timezone": "Mars/Olympus"}, "timezone"),
        ({"expression": "0 3 * * *", "language": "oncalendar"}, "expression"),
    ],
)
def test_what_is_no_schedule_says_at_which_field(given, field):
    with pytest.raises(BadSchedule) as refused:
        Schedule(**given).check()

    assert refused.value.field == field
