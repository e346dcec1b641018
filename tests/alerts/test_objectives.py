"""Objectives: burn rates by the pairs of windows of the Site Reliability Workbook. The clock is given."""

from datetime import timedelta

import pytest

from monitor.alerts.announcing import announcement_of
from monitor.alerts.backtest import back_test
from monitor.alerts.burning import budget_of, burns_of
from monitor.alerts.definitions import problems_of
from monitor.alerts.kinds import judge_objective
from monitor.alerts.notices import Notice
from monitor.alerts.objectives import objective_now
from monitor.alerts.rounds import judge_windows
from monitor.metrics.cells import Cell
from monitor.models import AlertEvent, AlertGroup, AlertRule, AlertSilence, Endpoint
from monitor.models.metrics import Resolution
from monitor.templatetags.alerting import budget_left
from tests.alerts.history import remember
from tests.factories import a_log, a_service, keep_logs, rfc3339
from tests.moments import NOON

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def a_rule(**said):
    return AlertRule(
        **{
            "kind": "slo",
            "measure": "error_rate",
            "target": 99.0,
            "period_days": 30,
            "min_requests": 0,
            **said,
        }
    )


def windows(**bad):
    """A thousand requests in each window, of which so many failed; named by minutes, as m5."""
    lengths = {"m5": 5, "m30": 30, "m60": 60, "m360": 360, "m4320": 4320}
    return {
        timedelta(minutes=minutes): Cell(requests=1000, errors=bad.get(name, 0))
        for name, minutes in lengths.items()
    }


# --- Burning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "firing"),
    [
        ({}, []),
        # 14.4 times a budget of 1 per cent is 144 of 1,000.
        ({"m60": 144, "m5": 144}, ["fast"]),
        ({"m60": 143, "m5": 400}, []),
        ({"m60": 400, "m5": 0}, []),
        ({"m360": 60, "m30": 60}, ["fast"]),
        ({"m360": 60, "m30": 59}, []),
        ({"m4320": 10, "m360": 10}, ["slow"]),
        ({"m4320": 10, "m360": 9}, []),
        ({"m4320": 10, "m360": 60, "m30": 60}, ["fast", "slow"]),
    ],
)
def test_both_windows_of_a_pair_must_burn_fast_enough(bad, firing):
    judged = judge_objective(a_rule(), windows(**bad))

    assert [group for group, judgement in judged.items() if judgement.verdict == "breach"] == firing


def test_a_burn_is_told_by_its_long_window():
    judged = judge_objective(a_rule(target=99.9), windows(m60=22, m5=100))

    assert judged["fast"].said == "burning 22 times as fast as it may, over 1 h"
    assert judged["fast"].value == pytest.approx(22)


def test_no_requests_are_no_verdict_and_a_short_window_without_any_burns_nothing():
    assert {each.verdict for each in judge_objective(a_rule(), {}).values()} == {"unknown"}
    quiet = windows(m60=400)
    quiet[5 * MINUTE] = Cell()

    assert judge_objective(a_rule(), quiet)["fast"].verdict == "calm"


def test_the_least_number_of_requests_is_asked_of_the_long_window():
    few = {length: Cell(requests=9, errors=9) for length in windows()}

    assert burns_of(a_rule(min_requests=10), few) == []
    assert len(burns_of(a_rule(min_requests=9), few)) == 3


def test_slow_requests_are_an_objective_too():
    cell = Cell(requests=100)
    for latency in [50] * 90 + [900] * 10:
        cell.latencies.add(latency)

    budget = budget_of(a_rule(measure="slow_share", apdex_ms=300), cell, since=NOON, until=NOON)

    assert (budget.bad, budget.allowed, budget.left) == (10, 1, -9)


# --- By the rounds -----------------------------------------------------------------------------------------


@pytest.fixture
def service(db):
    return a_service(name="orders")


def saved(service, **said):
    rule = a_rule(name="Checkout", service=service, **said)
    rule.save()
    return rule


def send(service, good, bad=0, *, at, **fields):
    logs = [a_log(timestamp=rfc3339(at), **fields)] * good
    logs += [a_log(timestamp=rfc3339(at), status_code=500, **fields)] * bad
    keep_logs(service, *logs, now=at)


def states(rule):
    return dict(AlertGroup.objects.filter(rule=rule).values_list("key", "state"))


def test_a_fast_burn_fires_is_told_and_resolves_when_it_stops(service):
    rule = saved(service, severity="critical")
    send(service, 20, 10, at=NOON - 2 * MINUTE)

    judge_windows(now=NOON)
    assert states(rule) == {"fast": "firing", "slow": "firing"}
    judge_windows(now=NOON + 10 * MINUTE)
    judge_windows(now=NOON + 40 * MINUTE)

    told = list(AlertEvent.objects.filter(rule=rule, group="fast burn").order_by("id"))
    assert [event.kind for event in told] == ["firing", "resolved"]
    assert told[0].message == (
        "Checkout, fast burn: burning 33.3 times as fast as it may, over 1 h"
        " (99 % without an error in 30 days, burning too fast)"
    )
    assert states(rule) == {"fast": "resolved", "slow": "firing"}


def test_no_requests_at_all_are_no_data(service):
    rule = saved(service)

    judge_windows(now=NOON)

    assert states(rule) == {"fast": "no_data", "slow": "no_data"}


@pytest.mark.parametrize("narrowed", ["endpoint", "consumer", "environment"])
def test_an_objective_may_be_of_a_part_of_the_requests(service, narrowed):
    send(service, 30, at=NOON - 2 * MINUTE, path="/a", consumer="acme", environment="prod")
    send(service, 0, 30, at=NOON - 2 * MINUTE, path="/b", consumer="other", environment="dev")
    values = {"endpoint": Endpoint.objects.get(route="/a"), "consumer": "acme", "environment": "prod"}
    rule = saved(service, **{narrowed: values[narrowed]})

    judge_windows(now=NOON)

    assert states(rule) == {"fast": "ok", "slow": "ok"}
    assert objective_now(rule, now=NOON).budget.requests == 30


def test_the_budget_counts_the_whole_period(service):
    rule = saved(service, period_days=14)
    days = {NOON.replace(hour=0) - number * DAY: 1000 for number in range(1, 14)}
    remember(service, days, errors=5, resolution=Resolution.DAY)
    # Long before the period.
    remember(service, {NOON.replace(hour=0) - 20 * DAY: 1000}, errors=900, resolution=Resolution.DAY)
    send(service, 990, 10, at=NOON - 2 * MINUTE)

    budget = objective_now(rule, now=NOON).budget

    assert (budget.requests, budget.bad, budget.allowed) == (14_000, 75, 140)
    assert budget.left == pytest.approx(1 - 75 / 140)
    assert timedelta(days=14) <= budget.until - budget.since < timedelta(days=14, hours=6)


def test_it_is_tried_on_the_last_days(service):
    rule = saved(service)
    minutes = {NOON - 2 * DAY + number * MINUTE: 10 for number in range(30)}
    remember(service, minutes, errors=10, resolution=Resolution.MINUTE)
    calm = {NOON - 6 * DAY + number * HOUR: 100 for number in range(90)}
    remember(service, calm, resolution=Resolution.MINUTE)

    tested = back_test(rule, now=NOON)

    fast = [firing for firing in tested.firings if firing.group == "fast burn"]
    assert len(fast) == 1
    assert timedelta() <= fast[0].start - (NOON - 2 * DAY) <= 10 * MINUTE
    assert set(tested.points) == {"fast burn", "slow burn"}


def test_of_an_endpoint_it_is_tried_hour_by_hour(service):
    send(service, 1, at=NOON)
    endpoint = Endpoint.objects.get()
    remember(service, {NOON - 3 * DAY: 100}, errors=50, endpoint=str(endpoint.id))

    tested = back_test(saved(service, endpoint=endpoint), now=NOON)

    assert tested.step == HOUR
    (fast,) = [firing for firing in tested.firings if firing.group == "fast burn"]
    assert fast.start == NOON - 3 * DAY + HOUR


# --- By groups ---------------------------------------------------------------------------------------------


def test_each_group_has_both_states_and_is_called_by_its_name(service):
    rule = saved(service, per="endpoint")
    send(service, 20, 10, at=NOON - 2 * MINUTE, path="/bad")
    send(service, 30, at=NOON - 2 * MINUTE, path="/good")

    judge_windows(now=NOON)

    groups = dict(AlertGroup.objects.filter(rule=rule).values_list("label", "state"))
    assert groups == {
        "GET /bad, fast burn": "firing",
        "GET /bad, slow burn": "firing",
        "GET /good, fast burn": "ok",
        "GET /good, slow burn": "ok",
    }
    told = AlertEvent.objects.filter(rule=rule, group="GET /bad, fast burn").get()
    assert told.message.startswith("Checkout, GET /bad, fast burn: burning 33.3 times as fast as it may")


@pytest.mark.parametrize(
    ("per", "names"), [("consumer", {"acme", "other"}), ("environment", {"prod", "dev", "(none)"})]
)
def test_groups_are_consumers_or_environments_too_and_nobody_is_no_consumer(service, per, names):
    rule = saved(service, per=per)
    send(service, 3, at=NOON - 2 * MINUTE, consumer="acme", environment="prod")
    send(service, 3, at=NOON - 2 * MINUTE, consumer="other", environment="dev")
    send(service, 3, at=NOON - 2 * MINUTE, environment="")

    judge_windows(now=NOON)

    labels = AlertGroup.objects.filter(rule=rule).values_list("label", flat=True)
    assert {label.rpartition(",")[0] for label in labels} == names


def test_groups_are_capped_and_the_busiest_stay(service, monkeypatch):
    monkeypatch.setattr("monitor.alerts.groups.MAX_GROUPS", 2)
    rule = saved(service, per="environment")
    for number, name in enumerate(("a", "b", "c"), start=1):
        send(service, number, at=NOON - 2 * MINUTE, environment=name)

    judge_windows(now=NOON)

    assert set(states(rule)) == {"fast:b", "slow:b", "fast:c", "slow:c"}


def test_a_silence_of_a_name_silences_both_of_its_burns(service):
    rule = saved(service, per="environment")
    AlertSilence.objects.create(
        organization=service.organization, group="prod", starts_at=NOON - HOUR, ends_at=NOON + HOUR
    )
    send(service, 0, 30, at=NOON - 2 * MINUTE, environment="prod")
    send(service, 0, 30, at=NOON - 2 * MINUTE, environment="dev")

    judge_windows(now=NOON)

    assert states(rule) == {
        "fast:prod": "muted",
        "slow:prod": "muted",
        "fast:dev": "firing",
        "slow:dev": "firing",
    }


def test_the_whole_has_a_budget_and_so_has_each_group_the_worst_first(service):
    rule = saved(service, per="endpoint", period_days=14)
    send(service, 999, 1, at=NOON - 2 * MINUTE, path="/good")
    send(service, 90, 10, at=NOON - 2 * MINUTE, path="/bad")

    objective = objective_now(rule, now=NOON)

    assert (objective.budget.requests, objective.budget.bad) == (1100, pytest.approx(11))
    assert [(group.name, group.budget.left) for group in objective.groups] == [
        ("GET /bad", pytest.approx(-9)),
        ("GET /good", pytest.approx(0.9)),
    ]


def test_groups_are_tried_on_the_last_days_each_by_its_name(service):
    rule = saved(service, per="environment")
    minutes = {NOON - 2 * DAY + number * MINUTE: 10 for number in range(30)}
    remember(service, minutes, errors=10, resolution=Resolution.MINUTE, environment="prod")
    remember(service, minutes, resolution=Resolution.MINUTE, environment="dev")

    tested = back_test(rule, now=NOON)

    assert set(tested.points) == {
        f"{name}, {burn} burn" for name in ("prod", "dev") for burn in ("fast", "slow")
    }
    assert {firing.group for firing in tested.firings} == {"prod, fast burn", "prod, slow burn"}


def test_an_event_of_a_group_leads_to_its_requests(service):
    rule = saved(service, per="endpoint")
    send(service, 0, 30, at=NOON - 2 * MINUTE, path="/bad")
    endpoint = Endpoint.objects.get()
    notice = Notice(
        organization_id=service.organization_id,
        severity="warning",
        rule=rule,
        kind="firing",
        message="",
        at=NOON,
        key="k",
        group="GET /bad, fast burn",
        group_key=str(endpoint.id),
        value=33.3,
        since=NOON - HOUR,
        until=NOON,
    )

    announced = announcement_of(notice)

    assert announced.look.endpoint_id == endpoint.id
    facts = dict(announced.facts)
    assert facts["Burn rate"] == "33.3 times as fast as it may"
    assert facts["Threshold"] == "99 % in 30 days"
    assert facts["Endpoint"] == "GET /bad, fast burn"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"per": "country"}, "per"),
        ({"per": "environment", "environment": "prod"}, "per"),
        ({"per": "consumer", "endpoint_id": "any"}, "per"),
        ({"per": "endpoint", "consumer": "acme"}, "per"),
    ],
)
def test_days_of_two_things_together_are_not_kept_and_other_words_not_known(said, field):
    rule = {"kind": "slo", "measure": "error_rate", "target": 99.0, "period_days": 30, "apdex_ms": 500}

    assert set(problems_of({**rule, **said})) == {field}
    assert problems_of({**rule, "per": "endpoint"}) == {}


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (None, ""),
        (1, "100 % left"),
        (0.5357, "53.6 % left"),
        (-1.82, "overdrawn: used 2.8 times"),
        (-29.3, "overdrawn: used 30 times"),
    ],
)
def test_what_is_left_of_a_budget_is_said_in_words(left, words):
    assert budget_left(left) == words
