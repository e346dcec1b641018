"""When a ping is late: pure, and across changes of clocks."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.probing import BadConfig, kind_named
from monitor.push.schedule import expected

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def options(**config):
    return kind_named("push").read(config)


def down_at(last, started=None, **config):
    awaited = expected(options(**config), last_ping_at=last, started_at=started)
    return awaited.down_at if awaited else None


def test_nothing_is_awaited_before_the_first_ping():
    assert down_at(None) is None


def test_a_period_and_a_grace_after_the_last_ping():
    assert down_at(NOON, period_s=3600, grace_s=60) == NOON + timedelta(seconds=3660)


def test_a_run_that_began_must_end_within_the_grace():
    began = NOON + timedelta(minutes=10)

    assert down_at(NOON, started=began, period_s=3600, grace_s=60) == began + timedelta(seconds=60)
    assert down_at(None, started=began, grace_s=60) == began + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("config", "last", "due"),
    [
        (
            {"schedule": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"},
            datetime(2026, 11, 21, 12, tzinfo=UTC),
            datetime(2026, 11, 22, 2, tzinfo=UTC),
        ),
        # The night on which 02:30 does not exist, and the one on which it comes twice.
        (
            {"schedule": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"},
            datetime(2026, 3, 28, 12, tzinfo=UTC),
            datetime(2026, 3, 29, 1, tzinfo=UTC),
        ),
        (
            {"schedule": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"},
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),
        (
            {"schedule": "oncalendar", "expression": "Mon *-*-* 06:00:00"},
            datetime(2026, 11, 21, 12, tzinfo=UTC),
            datetime(2026, 11, 23, 6, tzinfo=UTC),
        ),
    ],
)
def test_expressions_mean_the_zones_own_time(config, last, due):
    assert down_at(last, grace_s=0, **config) == due


def test_the_grace_is_real_time_also_over_a_change_of_clocks():
    last = datetime(2026, 10, 24, 22, tzinfo=UTC)
    config = {"schedule": "cron", "expression": "0 1 * * *", "timezone": "Europe/Berlin"}

    # 01:00 in Berlin is 23:00 UTC; three hours of grace later it is 02:00 UTC, and 03:00 in Berlin.
    assert down_at(last, grace_s=3 * 3600, **config) == datetime(2026, 10, 25, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "config",
    [
        {"schedule": "cron", "expression": "every day"},
        {"schedule": "cron"},
        {"schedule": "oncalendar", "expression": "Someday"},
        {"timezone": "Mars/Base"},
        {"slug": "Not A Slug"},
        {"period_s": 0},
    ],
)
def test_schedules_that_cannot_be_are_refused(config):
    with pytest.raises(BadConfig):
        options(**config)
