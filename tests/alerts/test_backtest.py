"""When a rule would have fired: by the same judge and the same states as the rounds."""

from datetime import timedelta

import pytest

from monitor.alerts import backtest
from monitor.alerts.backtest import BACK, back_test, step_of
from monitor.alerts.rounds import judge_windows
from monitor.alerts.trial import extremes
from monitor.lib.time_limit import TookTooLong
from monitor.metrics import TooMuchToCount
from monitor.metrics.compact import compact
from monitor.models import AlertEvent, AlertRule
from tests.factories import a_log, a_service, a_window_rule, keep_logs, rfc3339
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service():
    return a_service()


def send(service, at, count=1, **fields):
    keep_logs(service, *(a_log(timestamp=rfc3339(at), **fields) for _ in range(count)), now=NOON)


def unsaved(service, **fields):
    said = {"kind": "metric", "measure": "request_count", "direction": "above", "threshold": 2}
    return AlertRule(service=service, name="draft", **{"window_s": 300, **said, **fields})


def spans(tested):
    return [
        (each.group, (NOON - each.start) // MINUTE, each.end and (NOON - each.end) // MINUTE, each.value)
        for each in tested.firings
    ]


@pytest.mark.parametrize("is_rolled_up", [False, True])
def test_it_tells_from_when_until_when_and_how_bad(service, is_rolled_up):
    at = NOON - timedelta(days=3)
    send(service, at + 30 * timedelta(seconds=1), 5)
    if is_rolled_up:
        compact(now=NOON)

    tested = back_test(unsaved(service), now=NOON)

    # Five minutes from the first window that holds the minute.
    assert spans(tested) == [("", 3 * 1440 - 1, 3 * 1440 - 6, 5.0)]
    assert tested.until - tested.since == BACK


def test_it_agrees_with_what_the_rounds_tell(service):
    for minute in (3, 4, 9, 20, 21, 22, 40):
        send(service, NOON - (60 - minute) * MINUTE, 2)
    saved = a_window_rule(service, threshold=3, cooldown_s=0)
    for minute in range(61):
        judge_windows(now=NOON - (60 - minute) * MINUTE)
    told = AlertEvent.objects.filter(rule=saved).order_by("id").values_list("kind", "triggered_at")

    tested = back_test(saved, now=NOON)

    expected = [
        pair
        for firing in reversed(tested.firings)
        for pair in (("firing", firing.start), ("resolved", firing.end))
    ]
    assert list(told) == expected
    assert len(expected) == 4


def test_a_rule_that_waits_fires_later_or_never(service):
    send(service, NOON - 60 * MINUTE, 5)

    assert spans(back_test(unsaved(service, for_s=180), now=NOON)) == [("", 56, 54, 5.0)]
    assert spans(back_test(unsaved(service, for_s=600), now=NOON)) == []


def test_each_group_fires_for_itself(service):
    send(service, NOON - 60 * MINUTE, 5, consumer="acme")
    send(service, NOON - 30 * MINUTE, 2, consumer="other")
    send(service, NOON - 30 * MINUTE, 9)

    tested = back_test(unsaved(service, per="consumer"), now=NOON)

    assert spans(tested) == [("acme", 59, 54, 5.0)]
    assert set(tested.points) == {"acme", "other"}


def test_what_only_the_logs_tell_is_counted_from_them(service):
    send(service, NOON - 60 * MINUTE, 5, tags=["slow"])
    send(service, NOON - 30 * MINUTE, 5)

    assert spans(back_test(unsaved(service, tag="slow"), now=NOON)) == [("", 59, 54, 5.0)]


def test_a_silence_of_an_hour_shows_as_absence(service):
    minutes = [minute for minute in range(0, 7 * 1440 + 60, 20) if not 100 <= minute < 200]
    moments = [NOON - minute * MINUTE - timedelta(seconds=1) for minute in minutes]
    keep_logs(service, *(a_log(timestamp=rfc3339(at)) for at in moments), now=NOON)
    rule = unsaved(service, kind="absence", measure="", direction="", threshold=None, window_s=3600)

    assert [(group, start, end) for group, start, end, _ in spans(back_test(rule, now=NOON))] == [
        ("", 140, 80)
    ]


def test_percentiles_of_a_moving_window_are_those_of_its_requests(service):
    for minute, latency in ((30, 100), (29, 900), (20, 50)):
        send(service, NOON - minute * MINUTE, 1, latency_ms=latency)
    tested = back_test(unsaved(service, measure="p99_latency", threshold=500), now=NOON)

    assert [(start, end) for _, start, end, _ in spans(tested)] == [(28, 19)]
    worst = extremes(unsaved(service), tested.points[""], [NOON - 60 * MINUTE], timedelta(hours=1))
    assert worst[0].value == pytest.approx(900, rel=0.006)


def test_where_seven_days_take_too_long_two_are_tried_and_then_it_is_said(service, monkeypatch):
    count, asked = backtest.count_steps, []

    def slow(rule, *, since, until, **options):
        asked.append(until - since)
        if len(asked) == 1:
            raise TookTooLong
        return count(rule, since=since, until=until, **options)

    monkeypatch.setattr(backtest, "count_steps", slow)
    assert back_test(unsaved(service), now=NOON).is_shortened

    monkeypatch.setattr(backtest, "count_steps", lambda *args, **options: slow_always())
    with pytest.raises(TooMuchToCount):
        back_test(unsaved(service), now=NOON)


def slow_always():
    raise TookTooLong


@pytest.mark.parametrize(
    ("window", "step"), [(1, 1), (5, 1), (7, 1), (25, 5), (30, 5), (60, 10), (360, 60), (1440, 60)]
)
def test_a_window_moves_on_by_a_part_of_itself(window, step):
    assert step_of(window * MINUTE) == step * MINUTE
