"""When maintenance is, by every strategy, over midnight and over nights when clocks change."""

from datetime import UTC, datetime, time, timedelta
from itertools import islice

import pytest

from monitor.monitors.windows import BadPlan, Plan, Strategy, check_plan, next_window, open_window, windows

BERLIN = "Europe/Berlin"
FAR = timedelta(days=400)


def utc(day, hour=0, minute=0, *, month=11, year=2026):
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def spans(plan, since, count=3):
    return [(each.start, each.end) for each in islice(windows(plan, since=since, until=since + FAR), count)]


def test_once_is_its_span_and_leaves_its_end():
    plan = Plan(strategy=Strategy.ONCE, starts_at=utc(1, 22), ends_at=utc(2, 2))

    assert open_window(plan, utc(1, 22)) is not None
    assert open_window(plan, utc(2, 1, 59)) is not None
    assert open_window(plan, utc(2, 2)) is None
    assert open_window(plan, utc(1, 21, 59)) is None
    assert next_window(plan, utc(2, 2)) is None


def test_by_hand_is_open_for_as_long_as_it_is_on():
    plan = Plan(strategy=Strategy.MANUAL)

    assert open_window(plan, utc(1)) is not None
    assert next_window(plan, utc(1)) is None


def test_weekly_over_midnight_belongs_to_the_day_it_begins():
    # Saturdays, 23:00 to 02:00; 21 November 2026 is one.
    plan = Plan(strategy=Strategy.WEEKLY, weekdays=(5,), start_time=time(23), end_time=time(2))

    assert open_window(plan, utc(21, 23)) is not None
    assert open_window(plan, utc(22, 1, 59)) is not None
    assert open_window(plan, utc(22, 2)) is None
    assert open_window(plan, utc(22, 23)) is None
    assert next_window(plan, utc(22, 2)).start == utc(28, 23)


@pytest.mark.parametrize(
    ("day", "start", "end", "span"),
    [
        ("the night that is an hour longer", utc(24, 21, month=10), utc(25, 2, month=10), 5),
        ("the night that is an hour shorter", utc(28, 22, month=3), utc(29, 1, month=3), 3),
        ("an ordinary night", utc(21, 22), utc(22, 2), 4),
    ],
)
def test_a_window_ends_by_the_wall_on_nights_when_clocks_change(day, start, end, span):
    # Each night 23:00 to 03:00 in Berlin. On 25 October 03:00 becomes 02:00, on 29 March 02:00 becomes 03:00.
    plan = Plan(
        strategy=Strategy.WEEKLY,
        weekdays=tuple(range(7)),
        start_time=time(23),
        end_time=time(3),
        timezone=BERLIN,
    )

    window = open_window(plan, start)

    assert (window.start, window.end) == (start, end)
    assert window.end - window.start == timedelta(hours=span)


def test_a_time_that_comes_twice_is_covered_both_times():
    plan = Plan(
        strategy=Strategy.WEEKLY, weekdays=(6,), start_time=time(2), end_time=time(2, 30), timezone=BERLIN
    )

    # 02:00 summer time is midnight UTC, the second 02:30 is 01:30 UTC.
    assert spans(plan, utc(25, month=10), 1) == [(utc(25, 0, month=10), utc(25, 1, 30, month=10))]


def test_a_time_that_is_skipped_comes_after_the_change():
    plan = Plan(
        strategy=Strategy.WEEKLY, weekdays=(6,), start_time=time(2, 15), end_time=time(4), timezone=BERLIN
    )

    # 02:15 does not exist on 29 March: 03:15 summer time, 01:15 UTC.
    assert spans(plan, utc(29, month=3), 1) == [(utc(29, 1, 15, month=3), utc(29, 2, month=3))]


def test_equal_times_are_a_whole_day():
    plan = Plan(strategy=Strategy.WEEKLY, weekdays=(0,), start_time=time(6), end_time=time(6))

    assert spans(plan, utc(23), 1) == [(utc(23, 6), utc(24, 6))]


def test_monthly_knows_the_last_days_and_skips_those_a_month_lacks():
    at = {"start_time": time(3), "end_time": time(4)}
    last = Plan(strategy=Strategy.MONTHLY, month_days=(-1,), **at)
    thirty_first = Plan(strategy=Strategy.MONTHLY, month_days=(31,), **at)

    assert [start.day for start, _ in spans(last, utc(1, month=1, year=2028), 3)] == [31, 29, 31]
    assert [start.month for start, _ in spans(thirty_first, utc(1, month=1), 3)] == [1, 3, 5]


def test_an_interval_counts_days_of_its_zone_over_midnight_and_a_clock_change():
    # Every second day from 22 October in Berlin, 23:30 to 00:30; clocks change on the 25th.
    plan = Plan(
        strategy=Strategy.INTERVAL,
        every_days=2,
        starts_at=utc(21, 22, month=10),
        start_time=time(23, 30),
        end_time=time(0, 30),
        timezone=BERLIN,
    )

    assert spans(plan, utc(22, month=10)) == [
        (utc(22, 21, 30, month=10), utc(22, 22, 30, month=10)),
        (utc(24, 21, 30, month=10), utc(24, 22, 30, month=10)),
        (utc(26, 22, 30, month=10), utc(26, 23, 30, month=10)),
    ]


def test_cron_begins_by_the_wall_of_its_zone_and_lasts_its_minutes():
    plan = Plan(strategy=Strategy.CRON, expression="30 23 * * *", duration_minutes=120, timezone=BERLIN)

    assert open_window(plan, utc(22, 0, 29)).start == utc(21, 22, 30)
    assert open_window(plan, utc(22, 0, 30)) is None
    assert open_window(plan, utc(21, 22, 30)).end == utc(22, 0, 30)
    # In summer the same wall is an hour earlier.
    assert next_window(plan, utc(1, month=7)).start == utc(1, 21, 30, month=7)


def test_cron_over_a_clock_change_lasts_as_long_as_ever():
    plan = Plan(strategy=Strategy.CRON, expression="0 1 * * *", duration_minutes=180, timezone=BERLIN)

    start, end = spans(plan, utc(24, 12, month=10), 1)[0]

    assert (start, end) == (utc(24, 23, month=10), utc(25, 2, month=10))


def test_what_recurs_begins_and_ends_with_its_plan():
    plan = Plan(
        strategy=Strategy.WEEKLY,
        weekdays=tuple(range(7)),
        start_time=time(22),
        end_time=time(2),
        starts_at=utc(10, 23),
        ends_at=utc(12, 1),
    )

    assert spans(plan, utc(8)) == [(utc(10, 23), utc(11, 2)), (utc(11, 22), utc(12, 1))]


def test_many_windows_of_days_are_not_walked_minute_by_minute():
    plan = Plan(strategy=Strategy.CRON, expression="* * * * *", duration_minutes=7 * 24 * 60)

    held = list(windows(plan, since=utc(10), until=utc(10) + timedelta(microseconds=1)))

    assert len(held) <= 2


@pytest.mark.parametrize(
    ("field", "plan"),
    [
        ("starts_at", Plan(strategy=Strategy.ONCE)),
        ("ends_at", Plan(strategy=Strategy.ONCE, starts_at=utc(1))),
        ("ends_at", Plan(strategy=Strategy.ONCE, starts_at=utc(2), ends_at=utc(1))),
        ("timezone", Plan(strategy=Strategy.MANUAL, timezone="Mars/Olympus")),
        ("timezone", Plan(strategy=Strategy.MANUAL, timezone="../etc/passwd")),
        ("expression", Plan(strategy=Strategy.CRON, expression="at noon", duration_minutes=5)),
        ("duration_minutes", Plan(strategy=Strategy.CRON, expression="* * * * *")),
        ("weekdays", Plan(strategy=Strategy.WEEKLY, start_time=time(1), end_time=time(2))),
        ("month_days", Plan(strategy=Strategy.MONTHLY, start_time=time(1), end_time=time(2))),
        ("end_time", Plan(strategy=Strategy.WEEKLY, weekdays=(1,), start_time=time(1))),
        ("starts_at", Plan(strategy=Strategy.INTERVAL, start_time=time(1), end_time=time(2))),
    ],
)
def test_a_plan_without_windows_is_refused_at_its_field(field, plan):
    with pytest.raises(BadPlan) as refused:
        check_plan(plan)

    assert refused.value.field == field
