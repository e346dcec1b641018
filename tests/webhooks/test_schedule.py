"""When a delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.lib.calls import retry_after_delay
from monitor.webhooks.schedule import LIVE, next_delay

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def delay_after(steps, *, mode="live", status=500, error_class="http_5xx", retry_after=None, draw=0.0):
    delay = next_delay(
        steps,
        mode=mode,
        status_code=status,
        error_class=error_class,
        retry_after=retry_after,
        now=NOON,
        draw=lambda: draw,
    )
    return delay.total_seconds() if delay is not None else None


def test_ten_attempts_take_75_hours_and_35_minutes():
    delays = [delay_after(steps) for steps in range(1, 11)]

    assert delays == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, None]
    assert sum(delays[:-1]) == timedelta(hours=75, minutes=35, seconds=5).total_seconds()
    assert len(LIVE) == 10


def test_in_test_mode_three_attempts_are_enough():
    assert [delay_after(steps, mode="test") for steps in (1, 2, 3)] == [5, 300, None]


def test_the_jitter_only_adds_and_never_more_than_a_quarter_of_an_hour():
    assert delay_after(2, draw=1.0) == 300 * 1.2
    assert delay_after(9, draw=1.0) == 86400 + 900


@pytest.mark.parametrize(
    ("status", "error_class"), [(429, "http_4xx"), (502, "http_5xx"), (504, "http_5xx"), (None, "timeout")]
)
def test_who_is_overloaded_is_let_alone_for_a_minute(status, error_class):
    assert delay_after(1, status=status, error_class=error_class) == 60
    assert delay_after(2, status=status, error_class=error_class) == 300


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["900", "Sat, 21 Nov 2026 12:15:00 GMT"])
def test_a_receiver_may_say_when_to_come_back(status, header):
    assert delay_after(1, status=status, retry_after=header) == 900


def test_it_cannot_ask_for_less_than_the_schedule_nor_for_more_than_ten_hours():
    assert delay_after(3, status=503, retry_after="1") == 1800
    assert delay_after(1, status=503, retry_after="999999") == 36000
    assert delay_after(1, status=500, retry_after="900") == 5


NO_CLOCK_KNOWS = (f"Mon, 01 Jan 2024 10:00:00 +{'9' * 20}", f"Mon, {'9' * 30} Jan 2024 10:00:00 GMT")


@pytest.mark.parametrize(
    "header", ["", "soon", "-5", "1.5", "Sat, 99 Nov 2026", "9" * 40, *NO_CLOCK_KNOWS, None]
)
def test_garbage_in_retry_after_is_ignored(header):
    assert retry_after_delay(header, now=NOON) is None


def test_a_date_that_has_passed_asks_for_nothing():
    assert retry_after_delay("Sat, 21 Nov 2026 11:00:00 GMT", now=NOON) == timedelta(0)
