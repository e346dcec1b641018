"""/v1/alerts: make, list, read, change and remove rules, and read what they found."""

import uuid

import pytest

from monitor.models import AlertEvent, AlertRule
from tests.factories import UNKNOWN_ID, a_client, a_key, a_log, a_rule, a_service, keep_logs, post_json

FIELDS = {
    "id",
    "service_id",
    "name",
    "description",
    "condition_field",
    "condition_operator",
    "condition_value",
    "kind",
    "measure",
    "status_class",
    "apdex_ms",
    "direction",
    "threshold",
    "window_s",
    "for_s",
    "min_requests",
    "endpoint_id",
    "consumer",
    "environment",
    "tag",
    "per",
    "deviations",
    "target",
    "period_days",
    "sentence",
    "severity",
    "runbook_url",
    "notes",
    "cooldown_s",
    "remind_s",
    "state",
    "is_active",
    "created_at",
    "last_error",
    "last_error_at",
}


@pytest.fixture
def service(db):
    return a_service()


@pytest.fixture
def manager(service):
    return a_client(a_key(organization=service.organization, scopes=["read", "manage"])[1])


@pytest.fixture
def rule(service):
    return {
        "service_id": str(service.id),
        "name": "Server errors",
        "condition_field": "status_code",
        "condition_operator": ">=",
        "condition_value": "500",
    }


def patch(client, address, data):
    return client.patch(address, data, content_type="application/json")


def test_a_rule_comes_back_as_it_was_made(manager, rule):
    made = post_json(manager, "/v1/alerts", {**rule, "description": "Tell the team"})

    assert made.status_code == 201
    assert set(made.json()) == FIELDS
    expected = {
        **rule,
        "description": "Tell the team",
        "is_active": True,
        "last_error": "",
        "last_error_at": None,
    }
    assert {name: made.json()[name] for name in expected} == expected
    assert manager.get(f"/v1/alerts/{made.json()['id']}").json() == made.json()
    assert manager.get("/v1/alerts").json() == [made.json()]


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("service_id", "shop", 400),
        ("service_id", None, 400),
        ("service_id", UNKNOWN_ID, 404),
        ("name", "", 400),
        ("name", None, 400),
        ("name", "n" * 129, 400),
        ("description", "d" * 513, 400),
        ("condition_field", "colour", 400),
        ("condition_field", None, 400),
        ("condition_operator", "=>", 400),
        ("condition_operator", None, 400),
        ("condition_value", "", 400),
        ("condition_value", None, 400),
        ("condition_value", "many", 400),
        ("condition_value", "500.5", 400),
        ("condition_value", "9" * 65, 400),
        ("condition_value", ["500"], 400),
        ("condition_value", 500, 400),
        ("is_active", "perhaps", 400),
        ("is_active", "no", 400),
        ("is_active", 1, 400),
        ("is_active", None, 400),
    ],
)
def test_a_bad_value_is_refused_by_name(manager, rule, field, value, status):
    answer = post_json(manager, "/v1/alerts", {**rule, field: value})

    assert answer.status_code == status
    if status == 400:
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    "field", ["service_id", "name", "condition_field", "condition_operator", "condition_value"]
)
def test_a_missing_field_is_named(manager, rule, field):
    del rule[field]

    answer = post_json(manager, "/v1/alerts", rule)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("field", "operator", "value", "at_fault"),
    [
        ("error", ">", "true", "condition_operator"),
        ("error", "==", "yes", "condition_value"),
        ("latency_ms", ">", "nan", "condition_value"),
        ("status_code", "==", "true", "condition_value"),
    ],
)
def test_a_condition_that_means_nothing_is_refused_when_it_is_made(
    manager, rule, field, operator, value, at_fault
):
    condition = {"condition_field": field, "condition_operator": operator, "condition_value": value}

    answer = post_json(manager, "/v1/alerts", {**rule, **condition})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [at_fault]


def test_a_change_is_checked_together_with_what_stays(manager, rule):
    address = f"/v1/alerts/{post_json(manager, '/v1/alerts', rule).json()['id']}"

    refused = patch(manager, address, {"condition_field": "error"})
    changed = patch(manager, address, {"condition_field": "latency_ms", "condition_value": "0.5"})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "condition_operator"
    assert changed.status_code == 200
    assert (changed.json()["condition_field"], changed.json()["condition_value"]) == ("latency_ms", "0.5")
    assert changed.json()["condition_operator"] == ">="


def test_a_rule_stays_with_its_service(manager, service, rule):
    address = f"/v1/alerts/{post_json(manager, '/v1/alerts', rule).json()['id']}"
    other = a_service(service.organization)

    moved = patch(manager, address, {"service_id": str(other.id)})
    same = patch(manager, address, {"service_id": str(service.id), "name": "Renamed"})

    assert (moved.status_code, moved.json()["errors"][0]["field"]) == (400, "service_id")
    assert (same.status_code, same.json()["name"]) == (200, "Renamed")


def test_a_rule_at_rest_finds_nothing(manager, service, rule):
    address = f"/v1/alerts/{post_json(manager, '/v1/alerts', rule).json()['id']}"
    patch(manager, address, {"is_active": False})
    keep_logs(service, a_log(status_code=500))
    assert manager.get(f"{address}/events").json() == []

    patch(manager, address, {"is_active": True})
    keep_logs(service, a_log(status_code=500))
    assert len(manager.get(f"{address}/events").json()) == 1


def test_an_event_names_its_rule_and_its_log(manager, service, rule):
    made = post_json(manager, "/v1/alerts", rule).json()
    log_ids = keep_logs(service, *[a_log(status_code=code, path=f"/{code}") for code in (200, 500, 503, 404)])

    events = manager.get(f"/v1/alerts/{made['id']}/events").json()

    told = {
        "id",
        "alert_id",
        "kind",
        "log_id",
        "group",
        "value",
        "since",
        "until",
        "message",
        "triggered_at",
        "is_held",
    }
    assert [set(event) for event in events] == [told] * 2
    assert [(event["kind"], event["value"]) for event in events] == [("match", None)] * 2
    assert {event["log_id"] for event in events} == {str(log_ids[1]), str(log_ids[2])}
    assert {event["alert_id"] for event in events} == {made["id"]}
    message = next(event["message"] for event in events if event["log_id"] == str(log_ids[2]))
    for part in ("Server errors", "status_code >= 500", "GET", "/503", "503"):
        assert part in message


def test_a_removed_rule_takes_its_events_along(manager, service, rule):
    address = f"/v1/alerts/{post_json(manager, '/v1/alerts', rule).json()['id']}"
    keep_logs(service, a_log(status_code=500))

    answer = manager.delete(address)

    assert (answer.status_code, answer.content) == (204, b"")
    assert [manager.get(each).status_code for each in (address, f"{address}/events")] == [404, 404]
    assert not AlertEvent.objects.exists()
    assert keep_logs(service, a_log(status_code=500))


def test_rules_are_listed_by_service(manager, service):
    mine = a_rule(service)
    other = a_rule(a_service(service.organization))
    a_rule(a_service())

    def ids(query=""):
        return [row["id"] for row in manager.get(f"/v1/alerts{query}").json()]

    assert ids() == [str(other.id), str(mine.id)]
    assert ids(f"?service_id={service.id}") == [str(mine.id)]
    assert ids(f"?service_id={uuid.uuid4()}") == []
    refused = manager.get("/v1/alerts?service_id=shop")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "service_id")


@pytest.mark.parametrize("tail", ["", "/events"])
def test_ids_that_are_unknown_or_malformed(manager, tail):
    unknown = manager.get(f"/v1/alerts/{uuid.uuid4()}{tail}")
    malformed = manager.get(f"/v1/alerts/first{tail}")

    assert unknown.status_code == 404
    assert (malformed.status_code, malformed.json()["errors"][0]["field"]) == (400, "alert_id")


def test_query_budgets_of_the_lists(manager, service, django_assert_num_queries):
    rules = [a_rule(service, "status_code >= 500") for _ in range(4)]
    keep_logs(service, *[a_log(status_code=500)] * 4)
    manager.get("/v1/alerts")

    # the key; the page.
    with django_assert_num_queries(2):
        assert len(manager.get("/v1/alerts").json()) == 4
    # the key; the rule with its service; the page.
    with django_assert_num_queries(3):
        assert len(manager.get(f"/v1/alerts/{rules[0].id}/events").json()) == 4
