"""Rules of windows, minute by minute, on logs that were really kept. The clock is given."""

import json
from datetime import timedelta

import jsonschema
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitor.alerts import asking
from monitor.alerts.asking import asks_of, replies_to
from monitor.alerts.evaluations import drop_old_evaluations
from monitor.alerts.groups import FORGOTTEN_AFTER
from monitor.alerts.rounds import judge_windows
from monitor.alerts.usual import MAX_GROUPS
from monitor.events.catalogue import CATALOGUE
from monitor.metrics.compact import compact
from monitor.metrics.windows import Detail
from monitor.models import AlertEvaluation, AlertEvent, AlertGroup, AlertRule, Endpoint, Event, Instance
from monitor.models.partitions import existing_days
from tests.factories import a_log, a_service, a_window_rule, keep_logs, rfc3339
from tests.moments import NOON

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service():
    return a_service(name="orders")


def send(service, count=1, *, ago=timedelta(seconds=90), now=NOON, mode="live", **fields):
    logs = [a_log(timestamp=rfc3339(now - ago), **fields) for _ in range(count)]
    return keep_logs(service, *logs, now=now, mode=mode)


def state_of(rule, label=""):
    return AlertGroup.objects.get(rule=rule, label=label).state


def told(rule):
    return list(AlertEvent.objects.filter(rule=rule).order_by("id").values_list("kind", "group"))


def rounds(rule, *minutes, start=NOON):
    """The state after each of these minutes."""
    states = []
    for minute in minutes:
        judge_windows(now=start + minute * MINUTE)
        states.append(state_of(rule))
    return states


# --- What is measured --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "value"),
    [
        ({"measure": "request_count", "threshold": 9}, 10),
        ({"measure": "error_count", "threshold": 1}, 2),
        ({"measure": "error_rate", "threshold": 19}, 20),
        ({"measure": "status_share", "status_class": "4xx", "threshold": 29}, 30),
        ({"measure": "p95_latency", "threshold": 600}, 700),
        ({"measure": "p50_latency", "threshold": 90}, 100),
        ({"measure": "apdex", "apdex_ms": 200, "direction": "below", "threshold": 0.95}, 0.9),
    ],
)
@pytest.mark.parametrize("is_rolled_up", [False, True])
def test_each_measure_is_that_of_the_logs_rolled_up_or_not(service, measured, value, is_rolled_up):
    send(service, 5, latency_ms=100)
    send(service, 3, latency_ms=100, status_code=404)
    send(service, 2, latency_ms=700, status_code=503)
    if is_rolled_up:
        compact(now=NOON)
    rule = a_window_rule(service, **measured)

    judge_windows(now=NOON)

    group = AlertGroup.objects.get(rule=rule)
    assert group.state == "firing"
    assert group.value == pytest.approx(value, rel=0.0055)
    assert group.requests == 10


def test_a_value_on_the_threshold_is_not_beyond_it(service):
    send(service, 3)
    above = a_window_rule(service, threshold=3)
    below = a_window_rule(service, direction="below", threshold=3)

    judge_windows(now=NOON)

    assert (state_of(above), state_of(below)) == ("ok", "ok")


def test_the_window_ends_with_the_last_whole_minute(service):
    rule = a_window_rule(service, window_s=60)
    for ago in (30, 60, 61, 120, 121):
        send(service, ago=timedelta(seconds=ago))

    judge_windows(now=NOON + timedelta(seconds=12))

    # From 11:59:00, which belongs to it, to 12:00:00.
    assert AlertGroup.objects.get(rule=rule).requests == 2


def test_a_count_over_nothing_is_0_and_judged(service):
    above = a_window_rule(service, measure="error_count", threshold=0)
    below = a_window_rule(service, direction="below", threshold=1)

    judge_windows(now=NOON)

    assert (state_of(above), state_of(below)) == ("ok", "firing")
    assert AlertGroup.objects.get(rule=below).value == 0


@pytest.mark.parametrize("requests", [0, 4])
def test_a_rate_of_too_few_requests_is_no_data(service, requests):
    send(service, requests, status_code=500)
    rule = a_window_rule(service, measure="error_rate", threshold=5, min_requests=5)

    judge_windows(now=NOON)

    assert state_of(rule) == "no_data"
    assert told(rule) == []


def test_test_traffic_wakes_nobody(service):
    send(service, 5, mode="test")
    rule = a_window_rule(service)

    judge_windows(now=NOON)

    assert state_of(rule) == "ok"


# --- Which requests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("narrowed", "requests"),
    [
        ({}, 7),
        ({"environment": "prod"}, 4),
        ({"consumer": "acme"}, 3),
        ({"consumer": "nobody"}, 0),
        ({"tag": "slow"}, 2),
        ({"consumer": "acme", "environment": "prod"}, 3),
        ({"tag": "slow", "environment": "prod"}, 2),
    ],
)
def test_a_rule_counts_the_requests_it_is_narrowed_to(service, narrowed, requests):
    send(service, 1, environment="prod", consumer="acme")
    send(service, 2, environment="prod", consumer="acme", tags=["slow"])
    send(service, 1, environment="prod", consumer="other")
    send(service, 3, environment="dev")
    rule = a_window_rule(service, threshold=99, **narrowed)

    judge_windows(now=NOON)

    assert AlertGroup.objects.get(rule=rule).requests == requests


def test_a_rule_of_an_endpoint_and_a_consumer_is_counted_from_the_logs(service):
    send(service, 2, path="/a", consumer="acme")
    send(service, 1, path="/b", consumer="acme")
    send(service, 4, path="/a", consumer="other")
    endpoint = Endpoint.objects.get(route="/a")
    one = a_window_rule(service, endpoint=endpoint, consumer="acme", threshold=99)
    split = a_window_rule(service, endpoint=endpoint, per="consumer", threshold=99)

    judge_windows(now=NOON)

    assert AlertGroup.objects.get(rule=one).requests == 2
    assert dict(split.groups.values_list("label", "requests")) == {"acme": 2, "other": 4}


@pytest.mark.parametrize(
    ("per", "states"),
    [
        ("endpoint", {"GET /a": "firing", "GET /b": "ok"}),
        ("consumer", {"acme": "firing", "other": "ok"}),
        ("environment", {"prod": "firing", "dev": "ok"}),
    ],
)
def test_each_group_has_a_state_of_its_own(service, per, states):
    send(service, 5, path="/a", consumer="acme", environment="prod")
    send(service, 2, path="/b", consumer="other", environment="dev")
    rule = a_window_rule(service, per=per, threshold=3)

    judge_windows(now=NOON)

    assert dict(rule.groups.values_list("label", "state")) == states
    firing = next(label for label, state in states.items() if state == "firing")
    assert told(rule) == [("firing", firing)]


def test_requests_of_no_consumer_are_no_group(service):
    send(service, 5)
    rule = a_window_rule(service, per="consumer")

    judge_windows(now=NOON)

    assert not rule.groups.exists()


def test_a_rule_has_so_many_groups_and_no_more_the_busiest_first(service):
    send(service, 3, consumer="busy")
    keep_logs(
        service,
        *(a_log(consumer=f"c{n:03}", timestamp=rfc3339(NOON - 2 * MINUTE)) for n in range(MAX_GROUPS + 20)),
        now=NOON,
    )
    rule = a_window_rule(service, per="consumer", threshold=2)

    judge_windows(now=NOON)
    judge_windows(now=NOON + MINUTE)

    assert rule.groups.count() == MAX_GROUPS
    assert state_of(rule, "busy") == "firing"


def test_a_group_without_requests_goes_on_with_0_and_is_forgotten_in_the_end(service):
    send(service, 5, consumer="acme")
    rule = a_window_rule(service, per="consumer", threshold=3)

    judge_windows(now=NOON)
    judge_windows(now=NOON + 10 * MINUTE)
    assert state_of(rule, "acme") == "resolved"

    judge_windows(now=NOON + FORGOTTEN_AFTER + 11 * MINUTE)
    assert not rule.groups.exists()


# --- From state to state -----------------------------------------------------------------------------------


def test_a_rule_fires_once_and_is_told_over_once(service):
    send(service, 3)
    rule = a_window_rule(service, window_s=180)

    assert rounds(rule, 0, 1, 2) == ["firing", "firing", "resolved"]
    assert rounds(rule, 3, 70) == ["resolved", "ok"]
    assert told(rule) == [("firing", ""), ("resolved", "")]


def test_a_rule_that_waits_is_pending_until_it_has_been_so_long_enough(service):
    send(service, 3)
    rule = a_window_rule(service, for_s=120)

    assert rounds(rule, 0, 1) == ["pending", "pending"]
    assert told(rule) == []
    assert rounds(rule, 2) == ["firing"]


def test_what_was_over_before_it_was_long_enough_is_never_told(service):
    send(service, 3)
    rule = a_window_rule(service, window_s=180, for_s=600)

    assert rounds(rule, 0, 5) == ["pending", "ok"]
    assert told(rule) == []


def test_an_incident_outlives_a_window_without_data(service):
    send(service, 3, status_code=500)
    rule = a_window_rule(service, measure="error_rate", threshold=5, window_s=180)

    assert rounds(rule, 0, 5) == ["firing", "no_data"]
    assert told(rule) == [("firing", "")]

    send(service, 3, now=NOON + 7 * MINUTE)
    assert rounds(rule, 7) == ["resolved"]
    assert told(rule) == [("firing", ""), ("resolved", "")]


def test_silence_of_a_service_fires_and_a_request_ends_it(service):
    rule = a_window_rule(service, kind="absence", measure="", direction="", threshold=None, window_s=300)
    AlertRule.objects.update(created_at=NOON - timedelta(days=1))
    send(service, 1, ago=4 * MINUTE)

    assert rounds(rule, 0, 2) == ["ok", "firing"]
    send(service, 1, now=NOON + 4 * MINUTE)
    assert rounds(rule, 4) == ["resolved"]


def test_what_has_never_sent_anything_has_not_stopped_until_a_window_has_passed(service):
    rule = a_window_rule(service, kind="absence", measure="", direction="", threshold=None, window_s=3600)
    AlertRule.objects.update(created_at=NOON)

    assert rounds(rule, 1) == ["ok"]
    AlertGroup.objects.all().delete()
    assert rounds(rule, 61) == ["firing"]


# --- Processes that report ---------------------------------------------------------------------------------


def a_silence_rule(service, **fields):
    empty = {"measure": "", "direction": "", "threshold": None}
    rule = a_window_rule(service, kind="silence", window_s=180, **empty, **fields)
    AlertRule.objects.filter(id=rule.id).update(created_at=NOON - timedelta(days=1))
    return rule


def hear(service, at, *, environment="prod", mode="live"):
    place = {"service": service, "environment": environment, "mode": mode, "name": "worker-1"}
    Instance.objects.update_or_create(
        **place, defaults={"last_seen_at": at}, create_defaults={"last_seen_at": at, "first_seen_at": at}
    )


def test_processes_that_stop_reporting_fire_and_the_next_report_ends_it(service):
    rule = a_silence_rule(service)
    hear(service, NOON - MINUTE)

    assert rounds(rule, 0, 2, 3) == ["ok", "ok", "firing"]
    hear(service, NOON + 4 * MINUTE)
    assert rounds(rule, 4) == ["resolved"]
    first = AlertEvent.objects.filter(rule=rule).order_by("id").first()
    assert first.message == f"{rule.name}: 0 processes reporting (no process reported for 3 min)"


def test_an_application_that_nobody_asks_anything_is_not_silent(service):
    silence, absence = a_silence_rule(service), a_window_rule(service, kind="absence", measure="")
    AlertRule.objects.update(created_at=NOON - timedelta(days=1))
    hear(service, NOON - MINUTE)

    assert (rounds(silence, 0), rounds(absence, 0)) == (["ok"], ["firing"])


def test_silence_is_of_live_processes_of_the_environment_and_the_service(service):
    staging, whole = a_silence_rule(service, environment="staging"), a_silence_rule(service)
    hear(service, NOON - MINUTE, environment="prod")
    hear(service, NOON - MINUTE, environment="staging", mode="test")
    hear(a_service(service.organization), NOON - MINUTE, environment="staging")

    assert (rounds(staging, 0), rounds(whole, 0)) == (["firing"], ["ok"])


def test_many_rules_about_silence_are_one_question(service):
    def count():
        asks = asks_of(rules, until=NOON, details=dict.fromkeys((rule.id for rule in rules), Detail.COUNTS))
        with CaptureQueriesContext(connection) as queries:
            assert len(replies_to(asks, now=NOON)) == len(rules)
        return len(queries)

    rules = [a_silence_rule(service)]
    one = count()
    rules += [a_silence_rule(a_service()) for _ in range(5)]
    assert count() == one


def test_a_paused_rule_is_not_judged(service):
    a_window_rule(service, is_active=False)

    assert judge_windows(now=NOON).rules == 0


# --- What fails --------------------------------------------------------------------------------------------


def test_a_rule_that_cannot_be_judged_says_so_once_and_stops_no_other(service):
    send(service, 3)
    broken, sound = a_window_rule(service), a_window_rule(service)
    AlertRule.objects.filter(id=broken.id).update(measure="colour")

    for minute in range(3):
        judge_windows(now=NOON + minute * MINUTE)

    broken.refresh_from_db()
    assert "colour" in broken.last_error
    assert told(broken) == [("error", "")]
    assert AlertEvaluation.objects.filter(rule_id=broken.id, state="error").count() == 3
    assert state_of(sound) == "firing"


def test_a_statement_that_fails_fails_for_the_rule_at_fault_alone(service, monkeypatch):
    send(service, 3)
    sound, far = a_window_rule(service), a_window_rule(a_service())
    read = asking.read_windows

    def failing(questions, *, now):
        if any(question.service_id == far.service_id for question in questions):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        return read(questions, now=now)

    monkeypatch.setattr(asking, "read_windows", failing)
    judged = judge_windows(now=NOON)

    far.refresh_from_db()
    assert judged.failed == 1
    assert "division by zero" in far.last_error
    assert state_of(sound) == "firing"


def test_an_incident_stays_open_while_its_rule_fails(service):
    send(service, 3)
    rule = a_window_rule(service)
    judge_windows(now=NOON)
    AlertRule.objects.update(measure="colour")
    judge_windows(now=NOON + MINUTE)
    assert state_of(rule) == "error"

    AlertRule.objects.update(measure="request_count")
    judge_windows(now=NOON + 2 * MINUTE)

    rule.refresh_from_db()
    assert (state_of(rule), rule.last_error) == ("firing", "")
    assert told(rule) == [("firing", ""), ("error", "")]


# --- What is kept ------------------------------------------------------------------------------------------


def test_evaluations_are_kept_on_every_change_and_else_once_an_hour(service):
    send(service, 3)
    rule = a_window_rule(service, window_s=180)

    rounds(rule, *range(130))

    kept = AlertEvaluation.objects.filter(rule_id=rule.id).order_by("until", "id")
    assert [(each.state, (each.until - NOON) // MINUTE) for each in kept] == [
        ("firing", 0),
        ("resolved", 2),
        ("ok", 62),
        ("ok", 122),
    ]
    assert kept[0].since == NOON - 3 * MINUTE
    assert kept[0].value == 3


def test_days_of_evaluations_go_after_thirty_days(service):
    a_window_rule(service)
    judge_windows(now=NOON - timedelta(days=31))
    judge_windows(now=NOON)

    drop_old_evaluations(now=NOON)

    assert existing_days("alert_evaluation") == [NOON.date()]
    assert AlertEvaluation.objects.count() == 1


def test_many_rules_on_one_question_cost_one_statement(service, django_assert_num_queries):
    send(service, 3)
    for number in range(50):
        a_window_rule(service, threshold=100 + number)
    judge_windows(now=NOON)

    # digests; rules; groups; silences; one statement and the counted days within a limit (6); writing (3)
    with django_assert_num_queries(13) as queries:
        judge_windows(now=NOON + MINUTE)
    assert sum("metric_delta" in query["sql"] for query in queries.captured_queries) == 1


# --- Programs ----------------------------------------------------------------------------------------------


def test_programs_hear_when_an_incident_begins_and_when_it_is_over_under_one_name(service):
    rule = a_window_rule(service, name="Errors", measure="error_count", threshold=1, severity="critical")
    send(service, 3, status_code=503)

    judge_windows(now=NOON)
    judge_windows(now=NOON + MINUTE)
    send(service, ago=timedelta(seconds=90), now=NOON + 10 * MINUTE)
    judge_windows(now=NOON + 10 * MINUTE)

    heard = [
        json.loads(event.body) for event in Event.objects.filter(type__startswith="alert.").order_by("id")
    ]
    assert [each["type"] for each in heard] == ["alert.firing", "alert.resolved"]
    for each in heard:
        jsonschema.validate(each, CATALOGUE[each["type"]].schema)
        assert each["service_id"] == str(service.id)
        assert each["data"]["rule_id"] == str(rule.id)
        assert each["data"]["severity"] == "critical"
    assert len({each["data"]["incident"] for each in heard}) == 1
    assert heard[0]["data"]["value"] == 3


def test_what_is_held_back_from_people_is_held_back_from_programs(service, settings):
    settings.ALERT_NOTICES_AN_HOUR = 1
    a_window_rule(service, measure="request_count")
    a_window_rule(service, measure="request_count")
    send(service)

    judge_windows(now=NOON)

    assert Event.objects.filter(type="alert.firing").count() == 1


def heard(rule):
    bodies = Event.objects.filter(type__startswith="alert.").order_by("id").values_list("body", flat=True)
    return [each["type"] for each in map(json.loads, bodies) if each["data"]["rule_id"] == str(rule.id)]


def test_programs_hear_of_an_incident_from_its_beginning_to_its_end_or_not_at_all(service, settings):
    settings.ALERT_NOTICES_AN_HOUR = 1
    told = a_window_rule(service, measure="request_count", window_s=60)
    kept = a_window_rule(service, measure="request_count", window_s=60)
    send(service, ago=timedelta(seconds=30))

    judge_windows(now=NOON)
    # Nothing is left of the budget when both are over.
    judge_windows(now=NOON + MINUTE)

    assert heard(told) == ["alert.firing", "alert.resolved"]
    assert heard(kept) == []


def test_what_fires_for_an_environment_is_told_as_of_that_environment(service):
    a_window_rule(service, measure="error_count", per="environment")
    send(service, environment="prod", status_code=503)
    send(service, environment="dev")

    judge_windows(now=NOON)

    event = Event.objects.get(type="alert.firing")
    assert (event.environment, json.loads(event.body)["data"]["group"]) == ("prod", "prod")
