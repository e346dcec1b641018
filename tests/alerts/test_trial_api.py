"""/v1/alerts/backtest: rules of every kind, tried before they are saved; and what is left of a budget."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.issues.grouping import group_errors
from monitor.models import AlertRule
from tests.alerts.history import weeks_of
from tests.factories import a_client, a_key, a_log, a_rule, a_service, keep_logs, post_json, rfc3339

pytestmark = pytest.mark.django_db
ADDRESS = "/v1/alerts/backtest"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def service():
    return a_service(name="orders")


@pytest.fixture
def reader(service):
    return a_client(a_key(organization=service.organization, scopes=["read"])[1])


def send(service, count=1, *, ago=2 * HOUR, **fields):
    at = rfc3339(timezone.now() - ago)
    keep_logs(service, *(a_log(timestamp=at, **fields) for _ in range(count)))


def tried(reader, service, **said):
    answer = post_json(reader, ADDRESS, {"service_id": str(service.id), **said})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_a_rule_that_is_not_saved_tells_when_it_would_have_fired(reader, service):
    send(service, 5)
    metric = {"kind": "metric", "measure": "request_count", "direction": "above", "threshold": 2}

    found = tried(reader, service, window_s=300, **metric)

    (firing,) = found["firings"]
    assert (firing["group"], firing["value"]) == ("", 5)
    assert found["sentence"] == "request count above 2 over 5 min"
    assert (found["step_s"], found["is_shortened"], found["more_groups"]) == (60, False, 0)
    hours = [hour for hour in found["hours"] if hour["value"]]
    assert {hour["value"] for hour in hours} == {5}
    assert 168 <= len(found["hours"]) <= 169
    assert not AlertRule.objects.exists()


def test_a_rule_on_each_request_is_tried_with_its_cooldown(reader, service):
    send(service, 2, status_code=503, ago=3 * HOUR)
    send(service, 3, status_code=500, ago=3 * HOUR - 4 * MINUTE)
    send(service, 1, status_code=500, ago=HOUR)
    send(service, 4)
    condition = {"condition_field": "status_code", "condition_operator": ">=", "condition_value": "500"}

    found = tried(reader, service, kind="log", **condition)

    # Those within five minutes are one notice.
    assert [firing["value"] for firing in found["firings"]] == [1, 5]
    assert sum(hour["value"] for hour in found["hours"]) == 6


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("status_code == 404", 2),
        ("status_code != 404", 3),
        ("status_code < 404", 1),
        ("status_code <= 404", 3),
        ("latency_ms > 12.5", 1),
        ("error == true", 1),
        ("error != true", 5),
    ],
)
def test_a_condition_is_tried_as_it_is_judged(reader, service, condition, count):
    send(service, 1)
    send(service, 2, status_code=404)
    send(service, 1, status_code=500, error="no", latency_ms=900)
    send(service, 1, status_code=500)
    send(service, 1, status_code=None, latency_ms=None)
    field, operator, value = condition.split()
    rule = a_rule(service, condition)
    send(service, 0)

    said = {"condition_field": field, "condition_operator": operator, "condition_value": value}
    found = tried(reader, service, kind="log", **said)

    assert sum(hour["value"] for hour in found["hours"]) == count
    assert reader.get(f"/v1/alerts/{rule.id}/backtest").json()["firings"] == found["firings"]


def test_news_is_tried_by_what_was_new(reader, service):
    send(service, 1, path="/a")
    send(service, 1, path="/b", status_code=500, error="KeyError: 'price'")
    group_errors(now=timezone.now())

    endpoints = tried(reader, service, kind="new_endpoint")
    errors = tried(reader, service, kind="new_error")

    assert sorted(firing["group"] for firing in endpoints["firings"]) == ["GET /a", "GET /b"]
    assert [firing["group"] for firing in errors["firings"]] == ["GET /b"]


def test_a_baseline_is_tried_with_what_was_usual(reader, service):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - HOUR
    weeks_of(service, hour, [40, 40, 40])

    found = tried(reader, service, kind="baseline", measure="request_count", direction="both", window_s=3600)

    bands = [each for each in found["hours"] if each["high"] is not None]
    assert bands
    assert all(each["low"] < 40 < each["high"] for each in bands)
    assert any(firing["value"] == 0 for firing in found["firings"])


def test_processes_cannot_be_tried(reader, service):
    answer = post_json(reader, ADDRESS, {"service_id": str(service.id), "kind": "silence", "window_s": 180})

    assert answer.status_code == 400
    assert "only the last report is kept" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"kind": "baseline", "measure": "request_count", "window_s": 300, "direction": "both"}, "window_s"),
        ({"kind": "baseline", "measure": "request_count", "window_s": 3600}, "direction"),
        (
            {
                "kind": "baseline",
                "measure": "apdex",
                "window_s": 3600,
                "direction": "both",
                "per": "consumer",
            },
            "per",
        ),
        (
            {"kind": "baseline", "measure": "apdex", "window_s": 3600, "direction": "both", "tag": "slow"},
            "tag",
        ),
        (
            {"kind": "baseline", "measure": "apdex", "window_s": 600, "direction": "both", "deviations": 0},
            "deviations",
        ),
        ({"kind": "slo", "measure": "error_rate", "target": 100}, "target"),
        ({"kind": "slo", "measure": "error_rate"}, "target"),
        ({"kind": "slo", "measure": "p95_latency", "target": 99}, "measure"),
        ({"kind": "slo", "measure": "error_rate", "target": 99, "period_days": 3}, "period_days"),
        ({"kind": "slo", "measure": "error_rate", "target": 99, "window_s": 300}, "window_s"),
        (
            {"kind": "metric", "measure": "apdex", "threshold": 1, "window_s": 60, "direction": "both"},
            "direction",
        ),
        ({"kind": "new_error", "consumer": "acme"}, "consumer"),
        ({"kind": "new_endpoint", "threshold": 1}, "threshold"),
    ],
)
def test_what_a_kind_does_not_speak_of_is_refused_by_field(reader, service, said, field):
    answer = post_json(reader, ADDRESS, {"service_id": str(service.id), **said})

    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_an_objective_tells_what_is_left_of_its_budget(reader, service):
    send(service, 99, ago=10 * MINUTE)
    send(service, 1, status_code=500, ago=10 * MINUTE)
    rule = AlertRule.objects.create(
        service=service, name="Checkout", kind="slo", measure="error_rate", target=98, period_days=7
    )

    found = reader.get(f"/v1/alerts/{rule.id}/budget").json()

    assert (found["requests"], found["missed"], found["allowed"], found["left"]) == (100, 1, 2, 0.5)
    assert [(burn["group"], burn["long_s"], burn["fires_at"]) for burn in found["burns"]] == [
        ("fast", 3600, 14.4),
        ("fast", 21600, 6),
        ("slow", 259200, 1),
    ]
    assert reader.get(f"/v1/alerts/{a_rule(service).id}/budget").status_code == 404
