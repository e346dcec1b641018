"""Days of monitors: what is read of them is what their hours and checks would have said."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.models import Beat, MonitorDay, MonitorHour
from monitor.monitors.days import drop_beat_day, let_old_beats_go
from monitor.monitors.folding import fold_days
from monitor.monitors.stats import WINDOWS, percentiles_of, stats_of
from monitor.probing import Outcome
from tests.monitors.scenes import a_monitor, check

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0)


@pytest.fixture
def monitor():
    """With checks of ten days, some failed, and answers between 5 and 900 ms."""
    found = a_monitor(interval_s=3 * 3600, now=NOW - timedelta(days=11))
    given = random.Random(7)  # noqa: S311 - the same each time
    at = NOW - timedelta(days=10)
    while at < NOW:
        outcome = Outcome.FAILED if given.random() < 0.1 else Outcome.OK
        check(found, outcome, at=at, response_ms=given.uniform(5, 900))
        at += timedelta(hours=3)
    return found


def all_stats(monitor):
    return {window: stats_of(monitor, window, now=NOW) for window in WINDOWS}


def test_days_say_what_their_hours_say_and_the_day_that_goes_on_is_read_by_hours(monitor):
    before = all_stats(monitor)

    fold_days(now=NOW)

    assert {row.day for row in MonitorDay.objects.all()} == {
        (NOW - timedelta(days=number)).date() for number in range(1, 11)
    }
    # Nobody reads the hours of days that are folded.
    MonitorHour.objects.filter(hour__gte=MIDNIGHT - timedelta(days=2), hour__lt=MIDNIGHT).delete()
    after = all_stats(monitor)
    for window in ("7d", "30d", "90d", "1y"):
        # Sums of the same numbers in another order.
        assert after[window].average_ms == pytest.approx(before[window].average_ms)
        assert replace(after[window], average_ms=None) == replace(before[window], average_ms=None)


def test_percentiles_of_months_outlive_the_single_checks(monitor):
    exact = Beat.objects.filter(monitor_id=monitor.id, state=1).values_list("response_ms", flat=True)
    answers = sorted(exact)
    fold_days(now=NOW)

    found = percentiles_of(monitor, "90d", now=NOW)

    assert found["p50"] == pytest.approx(
        (answers[(len(answers) - 1) // 2] + answers[len(answers) // 2]) / 2, rel=0.0055
    )
    assert answers[0] < found["p50"] < found["p95"] <= found["p99"] <= answers[-1] * 1.0055
    for number in range(1, 11):
        drop_beat_day((NOW - timedelta(days=number)).date())
    assert percentiles_of(monitor, "90d", now=NOW)["p99"] == found["p99"]
    fold_days(now=NOW)
    assert percentiles_of(monitor, "1y", now=NOW) == found


def test_where_checks_went_before_they_were_folded_percentiles_are_not_made_up(monitor):
    drop_beat_day((NOW - timedelta(days=9)).date())

    fold_days(now=NOW)

    assert percentiles_of(monitor, "30d", now=NOW) == {"p50": None, "p95": None, "p99": None}
    assert percentiles_of(monitor, "7d", now=NOW)["p50"] is not None


def test_a_finding_that_came_late_is_folded_in(monitor):
    fold_days(now=NOW)
    yesterday = MonitorDay.objects.get(day=(NOW - timedelta(days=1)).date())

    check(monitor, Outcome.OK, at=MIDNIGHT - timedelta(minutes=1), response_ms=70_000.0)
    fold_days(now=NOW)

    again = MonitorDay.objects.get(day=yesterday.day)
    assert (again.checks, sum(again.counts)) == (yesterday.checks + 1, sum(yesterday.counts) + 1)
    assert all_stats(monitor)["1y"].checks == Beat.objects.count()


def test_a_day_is_folded_an_hour_after_its_end_and_let_go_with_its_hours(monitor):
    fold_days(now=MIDNIGHT + timedelta(minutes=59))
    assert not MonitorDay.objects.filter(day=(NOW - timedelta(days=1)).date()).exists()

    fold_days(now=MIDNIGHT + timedelta(minutes=61))
    assert MonitorDay.objects.filter(day=(NOW - timedelta(days=1)).date()).exists()

    let_old_beats_go(now=NOW + timedelta(days=401))
    assert not MonitorDay.objects.exists()
