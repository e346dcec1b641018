"""/v1/alerts for rules of windows: what may be said, and how groups and evaluations read."""

from datetime import timedelta

import pytest

from monitor.alerts.rounds import judge_windows
from monitor.models import AlertGroup, AlertRule, Endpoint
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_service,
    a_window_rule,
    keep_logs,
    post_json,
    rfc3339,
)
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def manager(service):
    return a_client(a_key(organization=service.organization, scopes=["read", "manage"])[1])


@pytest.fixture
def rule(service):
    return {
        "service_id": str(service.id),
        "name": "Slow orders",
        "kind": "metric",
        "measure": "p95_latency",
        "direction": "above",
        "threshold": 800,
        "window_s": 300,
        "min_requests": 20,
        "per": "consumer",
    }


def patch(client, address, data):
    return client.patch(address, data, content_type="application/json")


def test_a_rule_of_a_window_comes_back_as_it_was_made_with_its_sentence(manager, rule):
    made = post_json(manager, "/v1/alerts", rule)

    assert made.status_code == 201
    assert {name: made.json()[name] for name in rule} == rule
    assert made.json()["sentence"] == (
        "p95 latency above 800 ms over 5 min, at least 20 requests, per consumer"
    )
    assert made.json()["state"] == "ok"
    assert manager.get("/v1/alerts?kind=metric").json() == [made.json()]
    assert manager.get("/v1/alerts?kind=log").json() == []


@pytest.mark.parametrize(
    ("change", "at_fault"),
    [
        ({"measure": "colour"}, "measure"),
        ({"measure": ""}, "measure"),
        ({"direction": ""}, "direction"),
        ({"threshold": None}, "threshold"),
        ({"threshold": -1}, "threshold"),
        ({"measure": "error_rate", "threshold": 101}, "threshold"),
        ({"measure": "apdex", "threshold": 1.1}, "threshold"),
        ({"measure": "apdex", "threshold": 0.9, "apdex_ms": 0}, "apdex_ms"),
        ({"measure": "status_share", "threshold": 5}, "status_class"),
        ({"status_class": "5xx"}, "status_class"),
        ({"window_s": None}, "window_s"),
        ({"window_s": 59}, "window_s"),
        ({"window_s": 90}, "window_s"),
        ({"window_s": 86460}, "window_s"),
        ({"for_s": 86401}, "for_s"),
        ({"per": "country"}, "per"),
        ({"consumer": "acme"}, "per"),
        ({"condition_field": "error"}, "condition_field"),
        ({"kind": "absence"}, "measure"),
        ({"kind": "log"}, "measure"),
    ],
)
def test_what_means_nothing_is_refused_at_its_field(manager, rule, change, at_fault):
    answer = post_json(manager, "/v1/alerts", {**rule, **change})

    assert answer.status_code == 400
    assert at_fault in {error["field"] for error in answer.json()["errors"]}
    assert not AlertRule.objects.exists()


def test_a_rule_about_silence_speaks_of_an_environment_and_a_window_alone(manager, service):
    said = {"service_id": str(service.id), "name": "silent", "kind": "silence", "window_s": 180}

    made = post_json(manager, "/v1/alerts", {**said, "environment": "prod"})
    assert made.status_code == 201
    assert AlertRule.objects.get().condition == "no process reported for 3 min of environment prod"
    for name, value in {"consumer": "acme", "tag": "v1", "per": "consumer", "threshold": 1}.items():
        answer = post_json(manager, "/v1/alerts", {**said, name: value})
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_a_rule_names_an_endpoint_of_its_own_service(manager, rule, service):
    other = a_service(service.organization)
    keep_logs(other, a_log(path="/foreign"))

    endpoint = Endpoint.objects.get(route="/foreign")
    answer = post_json(manager, "/v1/alerts", {**rule, "per": "", "endpoint_id": str(endpoint.id)})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "endpoint_id"


def test_a_rule_stays_of_its_kind(manager, service):
    rule = a_window_rule(service)

    answer = patch(manager, f"/v1/alerts/{rule.id}", {"kind": "absence"})

    assert answer.status_code == 400


@pytest.mark.parametrize(("change", "stays"), [({"name": "other"}, True), ({"threshold": 9}, False)])
def test_a_rule_that_asks_something_else_begins_anew(manager, service, change, stays):
    keep_logs(service, a_log(timestamp=rfc3339(NOON - timedelta(minutes=1))), now=NOON)
    rule = a_window_rule(service)
    judge_windows(now=NOON)

    assert patch(manager, f"/v1/alerts/{rule.id}", change).status_code == 200

    assert AlertGroup.objects.exists() == stays


def test_groups_evaluations_and_events_of_a_rule_can_be_read(manager, service):
    keep_logs(
        service,
        *(a_log(timestamp=rfc3339(NOON - timedelta(minutes=1)), consumer=name) for name in ("a", "a", "b")),
        now=NOON,
    )
    rule = a_window_rule(service, per="consumer", threshold=1)
    judge_windows(now=NOON)

    groups = manager.get(f"/v1/alerts/{rule.id}/groups").json()
    evaluations = manager.get(f"/v1/alerts/{rule.id}/evaluations").json()
    (event,) = manager.get(f"/v1/alerts/{rule.id}/events").json()

    assert {(each["group"], each["state"], each["value"]) for each in groups} == {
        ("a", "firing", 2.0),
        ("b", "ok", 1.0),
    }
    assert {(each["group"], each["state"]) for each in evaluations} == {("a", "firing"), ("b", "ok")}
    assert (event["kind"], event["group"], event["value"], event["log_id"]) == ("firing", "a", 2.0, None)
    assert event["until"] == rfc3339(NOON)
    assert manager.get(f"/v1/alerts/{rule.id}").json()["state"] == "firing"


def test_the_list_of_rules_costs_the_same_however_long_it_is(manager, service, django_assert_num_queries):
    keep_logs(service, a_log())
    for _ in range(8):
        a_window_rule(service, endpoint=Endpoint.objects.get(), per="environment")
    judge_windows(now=NOON)

    # the key, and when it was used; the rules with their endpoints and states
    with django_assert_num_queries(3):
        assert len(manager.get("/v1/alerts").json()) == 8
