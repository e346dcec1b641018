"""What is usual at an hour of the week, and what is out of it. The clock is given."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitor.alerts.backtest import back_test
from monitor.alerts.baseline import HOUR, Band, band_of, learn
from monitor.alerts.rounds import judge_windows
from monitor.alerts.states import begin_anew
from monitor.metrics.cells import Cell
from monitor.models import AlertEvent, AlertGroup, AlertRule, Endpoint
from monitor.models.metrics import Resolution
from tests.alerts.history import remember, weeks_of
from tests.factories import a_log, a_service, keep_logs, rfc3339
from tests.moments import NOON

MINUTE, WEEK = timedelta(minutes=1), timedelta(weeks=1)
# A window of an hour that ends at noon lies in the hour from eleven.
ELEVEN = NOON - HOUR


def a_rule(**said):
    return AlertRule(
        **{
            "kind": "baseline",
            "measure": "request_count",
            "direction": "both",
            "window_s": 3600,
            "deviations": 3,
            **said,
        }
    )


def weeks(*counts, offset=0, **fields):
    return {
        ELEVEN - number * WEEK + offset * HOUR: Cell(requests=count, **fields)
        for number, count in enumerate(counts, start=1)
    }


# --- The band ----------------------------------------------------------------------------------------------


def test_usual_is_the_median_and_one_bad_week_moves_nothing():
    calm = band_of(a_rule(), ELEVEN, weeks(100, 104, 96, 100, 102, 98, 100, 100))
    with_a_bad_week = band_of(a_rule(), ELEVEN, weeks(100, 104, 96, 9000, 102, 98, 100, 100))

    assert calm == Band(of=ELEVEN, low=pytest.approx(70), high=pytest.approx(130))
    assert with_a_bad_week == calm


def test_the_spread_is_the_median_distance_scaled_to_a_standard_deviation():
    learnt = learn(a_rule(), ELEVEN, weeks(1000, 1400, 600, 1200, 800, 1000, 1400, 600))

    # Distances 0 400 400 200 200 0 400 400: their median is 300, and one of eight took a degree of freedom.
    assert (learnt.middle, learnt.weeks) == (1000, 8)
    assert learnt.spread == pytest.approx(1.4826 * 300 * (8 / 7) ** 0.5)


def test_hours_beside_it_lend_their_distances_and_not_their_height():
    cells = weeks(100, 100, 100, 100) | weeks(900, 1100, 950, 1050, offset=1)

    learnt = learn(a_rule(), ELEVEN, cells)

    assert learnt.middle == 100
    # Four distances of 0, and 100 100 50 50: the median lies between 0 and 50.
    assert learnt.spread == pytest.approx(1.4826 * 25 * (8 / 6) ** 0.5)


@pytest.mark.parametrize("counts", [(), (100,), (100, 100), (100, 100, 0, 0, 0)])
def test_nothing_is_usual_before_three_weeks_are_known(counts):
    assert band_of(a_rule(), ELEVEN, weeks(*counts)) == Band(of=ELEVEN)


def test_a_week_without_requests_between_others_counts_as_0():
    assert learn(a_rule(), ELEVEN, weeks(100, 0, 100, 0, 100)).weeks == 5


def test_hours_with_too_few_requests_tell_nothing_of_a_rate():
    few, enough = weeks(5, 5, 5), weeks(50, 50, 50)
    rule = a_rule(measure="error_rate", min_requests=10)

    assert band_of(rule, ELEVEN, few) == Band(of=ELEVEN)
    assert band_of(rule, ELEVEN, enough).high is not None


def test_a_shorter_window_has_its_share_of_an_hour_and_more_of_chance():
    cells = weeks(*[3600] * 4)
    of_an_hour, of_ten_minutes = (band_of(a_rule(window_s=s), ELEVEN, cells) for s in (3600, 600))

    # 5 % of 3,600 is more than its root; of 600 too, and the least that three deviations may be.
    assert of_an_hour.high == pytest.approx(3600 + 3 * 180)
    assert of_ten_minutes.high == pytest.approx(600 + 3 * 30)
    assert band_of(a_rule(window_s=600), ELEVEN, weeks(*[60] * 4)).high == pytest.approx(10 + 3 * 10**0.5)


def test_a_service_without_errors_does_not_fire_at_the_first():
    usual = band_of(a_rule(measure="error_rate"), ELEVEN, weeks(1000, 1000, 1000))

    assert usual.low == 0
    # Of 1,000 requests one fails by chance: three deviations of that are 0.3 per cent.
    assert usual.high == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize(
    ("direction", "value", "is_out"),
    [("above", 20, True), ("above", 0, False), ("below", 20, False), ("below", 0, True), ("both", 5, False)],
)
def test_only_the_side_that_is_watched_counts(direction, value, is_out):
    assert Band(of=NOON, low=4, high=12).is_left(value, direction) is is_out


# --- By the rounds -----------------------------------------------------------------------------------------


@pytest.fixture
def service(db):
    return a_service(name="orders")


def saved(service, **said):
    rule = a_rule(name="Unusual", service=service, **said)
    rule.save()
    return rule


def send(service, count, *, now=NOON, **fields):
    at = rfc3339(now - 30 * MINUTE)
    keep_logs(service, *(a_log(timestamp=at, **fields) for _ in range(count)), now=now)


def state_of(rule, label=""):
    return AlertGroup.objects.get(rule=rule, label=label).state


def test_what_is_out_of_the_band_fires_and_says_what_was_usual(service):
    weeks_of(service, ELEVEN, [20, 22, 18, 20])
    send(service, 60)
    rule = saved(service)

    judge_windows(now=NOON)

    group = AlertGroup.objects.get(rule=rule)
    assert (group.state, group.value, group.usual_of) == ("firing", 60, ELEVEN)
    assert AlertEvent.objects.get(rule=rule).message == (
        f"Unusual: 60, usual {group.usual_low:.3g} to {group.usual_high:.3g} at this hour of the week"
        " (request count outside its usual band (3 deviations) over 1 h)"
    )


@pytest.mark.parametrize(("count", "state"), [(20, "ok"), (0, "firing")])
def test_too_little_is_out_of_it_too(service, count, state):
    weeks_of(service, ELEVEN, [20, 22, 18, 20])
    send(service, count)
    rule = saved(service)

    judge_windows(now=NOON)

    assert state_of(rule) == state


def test_before_enough_is_known_there_is_no_data_and_nothing_is_told(service):
    weeks_of(service, ELEVEN, [20, 20])
    send(service, 500)
    rule = saved(service)

    judge_windows(now=NOON)

    assert state_of(rule) == "no_data"
    assert not AlertEvent.objects.exists()


def test_each_endpoint_is_held_against_its_own_weeks(service):
    send(service, 30, path="/a")
    send(service, 30, path="/b")
    for route, usual in (("/a", 30), ("/b", 5)):
        endpoint = str(Endpoint.objects.get(route=route).id)
        weeks_of(service, ELEVEN, [usual] * 4, endpoint=endpoint)
    send(service, 1, path="/new")
    rule = saved(service, per="endpoint")

    judge_windows(now=NOON)

    assert dict(rule.groups.values_list("label", "state")) == {
        "GET /a": "ok",
        "GET /b": "firing",
        "GET /new": "no_data",
    }


def test_the_weeks_behind_are_read_once_an_hour(service):
    weeks_of(service, ELEVEN, [20, 20, 20])
    weeks_of(service, NOON, [20, 20, 20])
    saved(service)

    def reads(now):
        with CaptureQueriesContext(connection) as queries:
            judge_windows(now=now)
        return sum("metric_rollup" in query["sql"] for query in queries)

    # One for the window; one more for the weeks when another hour begins for it.
    counts = [reads(NOON + minute * MINUTE) for minute in (0, 1, 29, 30, 31)]
    assert counts == [2, 1, 1, 2, 1]


def test_a_rule_that_is_asked_something_else_learns_anew(service):
    weeks_of(service, ELEVEN, [20, 20, 20])
    rule = saved(service)
    judge_windows(now=NOON)

    begin_anew(rule, {"deviations"}, now=NOON)

    assert not rule.groups.exists()


# --- Tried -------------------------------------------------------------------------------------------------


def test_it_is_tried_on_each_hour_by_the_weeks_before_that_hour(service):
    # Of the last week one hour is not like the others.
    odd = ELEVEN - 50 * HOUR
    hours = {ELEVEN - number * HOUR: 24 for number in range(10 * 7 * 24)} | {odd: 240}
    remember(service, hours)
    tens = {at + part * 10 * MINUTE: hours[at] // 6 for at in list(hours)[: 8 * 24] for part in range(6)}
    remember(service, tens, resolution=Resolution.TEN_MINUTES)

    tested = back_test(saved(service), now=NOON)

    (firing,) = tested.firings
    assert firing.value == 240
    assert (firing.start, firing.end) == (odd + 10 * MINUTE, odd + 120 * MINUTE)
    bands = [point.judgement.band for point in tested.points[""] if point.at < firing.start]
    assert {(round(band.low, 2), round(band.high, 2)) for band in bands} == {(9.3, 38.7)}
