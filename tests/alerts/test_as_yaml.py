"""Rules as YAML: what is exported can be applied, and applying twice changes nothing."""

import io
import json
from datetime import timedelta

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.utils import timezone

from monitor.alerts.as_yaml import BadRules, apply, export, plan
from monitor.alerts.rounds import judge_windows
from monitor.models import AlertRule, Endpoint, Event, Membership
from tests.factories import (
    a_client,
    a_key,
    a_log,
    a_rule,
    a_service,
    a_user,
    a_window_rule,
    keep_logs,
    post_json,
)

pytestmark = pytest.mark.django_db
RULE = """
version: 1
rules:
  - service: orders
    name: Slow
    kind: metric
    measure: p95_latency
    direction: above
    threshold: 800
    window_s: 300
"""


@pytest.fixture
def service():
    return a_service(name="orders")


def words(changes):
    return [(change.action, change.name, dict(change.fields)) for change in changes]


def test_what_is_exported_changes_nothing_and_makes_the_same_elsewhere(service):
    keep_logs(service, a_log(path="/orders"))
    endpoint = Endpoint.objects.get()
    a_rule(service, "status_code >= 500", name="errors", description="look")
    a_window_rule(service, name="slow", endpoint=endpoint, severity="critical", cooldown_s=60)
    plain = {"measure": "", "direction": "", "threshold": None, "window_s": None}
    usual = {"kind": "baseline", "direction": "both", "threshold": None, "window_s": 600}
    a_window_rule(service, name="usual", deviations=4, **usual)
    a_window_rule(service, name="s", **{**plain, "kind": "slo", "measure": "error_rate", "target": 99.5})
    a_window_rule(service, name="new", **plain, kind="new_error", endpoint=endpoint)
    a_window_rule(service, name="newer", **plain, kind="new_endpoint")
    text = export(service.organization)
    elsewhere = a_service(name="orders")
    keep_logs(elsewhere, a_log(path="/orders"))

    assert plan(service.organization, text, prune=True) == []
    apply(elsewhere.organization, text)

    assert export(elsewhere.organization) == text
    said = {rule["name"]: rule for rule in yaml.safe_load(text)["rules"]}
    assert said["slow"]["endpoint"] == "GET /orders"
    assert said["new"] == {"service": "orders", "name": "new", "kind": "new_error", "endpoint": "GET /orders"}
    assert (said["s"]["target"], said["usual"]["deviations"]) == (99.5, 4)


def test_a_plan_tells_and_changes_nothing_and_applying_twice_is_once(service):
    assert [action for action, _, _ in words(plan(service.organization, RULE))] == ["create"]
    assert not AlertRule.objects.exists()

    assert len(apply(service.organization, RULE)) == 1
    assert apply(service.organization, RULE) == []
    assert AlertRule.objects.get().condition == "p95 latency above 800 ms over 5 min"


def test_what_differs_is_told_field_by_field(service):
    apply(service.organization, RULE)
    changed = RULE.replace("800", "900") + "    severity: info\n"

    assert words(apply(service.organization, changed)) == [
        ("update", "Slow", {"threshold": (800.0, 900.0), "severity": ("warning", "info")})
    ]
    assert AlertRule.objects.get().threshold == 900


def test_what_is_not_named_goes_only_when_asked(service):
    a_window_rule(service, name="other")

    assert [each[0] for each in words(plan(service.organization, RULE))] == ["create"]
    assert [each[0] for each in words(apply(service.organization, RULE, prune=True))] == ["create", "remove"]
    assert list(AlertRule.objects.values_list("name", flat=True)) == ["Slow"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [", "not YAML"),
        ("rules: []", "version: 1"),
        ("version: 1\nrules: {}", "list of rules"),
        ("version: 1\nrules: [{name: a}]", "'service' and a 'name'"),
        (RULE + RULE.split("rules:")[1], "twice"),
        (RULE.replace("orders", "carts"), "no such service"),
        (RULE.replace("p95_latency", "colour"), "measure"),
        (RULE.replace("300", "30"), "window_s"),
        (RULE.replace("metric", "seance"), "no kind 'seance'"),
        (RULE + "    colour: red\n", "does not speak of colour"),
        (RULE + "    endpoint: GET /nowhere\n", "no endpoint GET /nowhere"),
    ],
)
def test_what_cannot_be_applied_is_said_and_nothing_is_changed(service, text, said):
    with pytest.raises(BadRules, match=said):
        apply(service.organization, text)

    assert not AlertRule.objects.exists()


def test_rules_of_other_organizations_are_neither_told_nor_touched(service):
    foreign = a_window_rule(a_service(name="orders"), name="foreign")

    apply(service.organization, RULE, prune=True)

    assert AlertRule.objects.filter(id=foreign.id).exists()
    assert "foreign" not in export(service.organization)


# --- Over the API ------------------------------------------------------------------------------------------


@pytest.fixture
def manager(service):
    return a_client(a_key(organization=service.organization, scopes=["read", "manage"])[1])


def test_the_api_plans_applies_and_exports(service, manager):
    made = {
        "action": "create",
        "service": "orders",
        "name": "Slow",
        "changed": [
            {"field": "measure", "before": "", "after": "p95_latency"},
            {"field": "direction", "before": "", "after": "above"},
            {"field": "threshold", "before": None, "after": 800.0},
            {"field": "window_s", "before": None, "after": 300},
        ],
    }

    planned = post_json(manager, "/v1/alerts/plan", {"yaml": RULE})
    assert not AlertRule.objects.exists()
    applied = post_json(manager, "/v1/alerts/apply", {"yaml": RULE})
    exported = manager.get("/v1/alerts/export").json()["yaml"]
    again = post_json(manager, "/v1/alerts/apply", {"yaml": exported, "prune": True})

    answers = [answer.json() for answer in (planned, applied, again)]
    for answer in answers:
        for change in answer["changes"]:
            change["changed"].sort(
                key=lambda each: [f["field"] for f in made["changed"]].index(each["field"])
            )
    assert answers == [
        {"is_applied": False, "changes": [made]},
        {"is_applied": True, "changes": [made]},
        {"is_applied": True, "changes": []},
    ]
    assert exported == export(service.organization)
    assert AlertRule.objects.get().threshold == 800


def test_a_rule_that_is_not_named_goes_and_what_it_told_ends(service, manager):
    kept, gone = a_window_rule(service, name="Kept"), a_window_rule(service, name="Gone")
    keep_logs(service, a_log())
    judge_windows(now=timezone.now() + timedelta(minutes=1))
    text = yaml.safe_load(export(service.organization))
    text["rules"] = [rule for rule in text["rules"] if rule["name"] == "Kept"]

    answer = post_json(manager, "/v1/alerts/apply", {"yaml": yaml.safe_dump(text), "prune": True})

    assert answer.json()["changes"] == [
        {"action": "remove", "service": "orders", "name": "Gone", "changed": []}
    ]
    assert list(AlertRule.objects.all()) == [kept]
    ends = [json.loads(event.body)["data"] for event in Event.objects.filter(type="alert.resolved")]
    assert [end["rule_id"] for end in ends] == [str(gone.id)]


def test_all_that_is_wrong_is_named_with_its_rule_and_field_and_nothing_is_done(service, manager):
    bad = yaml.safe_load(RULE)
    bad["rules"] += [
        {**bad["rules"][0], "name": "Slower", "window_s": 30, "threshold": -1},
        {**bad["rules"][0], "service": "carts"},
        {**bad["rules"][0], "name": "Odd", "self": 1, "kind": "absence"},
    ]

    answer = post_json(manager, "/v1/alerts/apply", {"yaml": yaml.safe_dump(bad)})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    told = {(each["pointer"], each["rule"]) for each in answer.json()["errors"]}
    assert told >= {
        ("#/rules/1/window_s", "orders / Slower"),
        ("#/rules/1/threshold", "orders / Slower"),
        ("#/rules/2/service", "carts / Slow"),
        ("#/rules/3/self", "orders / Odd"),
    }
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "yaml"),
        ({"yaml": "rules: ["}, "yaml"),
        ({"yaml": "rules: []"}, "yaml"),
        ({"yaml": RULE.replace("Slow", '"Sl\\0w"')}, "yaml"),
        ({"yaml": RULE.replace("name: Slow", "kind: log")}, "rules.0.name"),
        ({"yaml": RULE.replace("metric", "{a: b}")}, "rules.0.kind"),
        ({"yaml": RULE.replace("name: Slow", "name: 2026-01-01")}, "rules.0.name"),
        ({"yaml": RULE, "purge": True}, "purge"),
        ({"yaml": RULE, "prune": "no"}, "prune"),
        ({"yaml": RULE, "organization": "00000000-0000-0000-0000-000000000000"}, "organization"),
    ],
)
def test_what_is_no_file_of_rules_is_said(service, manager, body, field):
    answer = post_json(manager, "/v1/alerts/apply", body)

    assert answer.status_code == 400, answer.content
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert not AlertRule.objects.exists()


def test_a_key_of_one_service_speaks_of_its_rules_alone(service):
    sibling = a_window_rule(a_service(service.organization, name="carts"), name="Sibling")
    key = a_client(a_key(service, scopes=["read", "manage"])[1])

    applied = post_json(key, "/v1/alerts/apply", {"yaml": RULE, "prune": True})
    foreign = post_json(key, "/v1/alerts/apply", {"yaml": RULE.replace("orders", "carts")})

    assert [change["action"] for change in applied.json()["changes"]] == ["create"]
    assert [each["field"] for each in foreign.json()["errors"]] == ["rules.0.service"]
    assert "carts" not in key.get("/v1/alerts/export").json()["yaml"]
    assert AlertRule.objects.filter(id=sibling.id).exists()


def test_another_organization_is_named_by_those_who_are_in_both(service):
    user = a_user(service.organization, "admin")
    other = a_service(name="orders")
    Membership.objects.create(organization=other.organization, user=user, role="viewer")
    browser, asked = a_client(user=user), {"yaml": RULE, "organization": str(other.organization_id)}

    assert browser.get("/v1/alerts/export").status_code == 400
    assert post_json(browser, "/v1/alerts/plan", asked).status_code == 200
    assert post_json(browser, "/v1/alerts/apply", asked).status_code == 403
    assert browser.get(f"/v1/alerts/export?organization={other.organization_id}").status_code == 200


def test_the_command_exports_plans_and_applies(service, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULE)
    organization = service.organization.name

    def run(*arguments):
        out = io.StringIO()
        call_command("alert_rules", *arguments, organization=organization, stdout=out)
        return out.getvalue()

    assert "measure '' -> 'p95_latency'" in run("plan", str(file))
    assert run("apply", str(file)).startswith("created orders / Slow")
    assert run("apply", str(file)) == "All rules are as the file says.\n"
    assert yaml.safe_load(run("export"))["rules"][0]["threshold"] == 800
    with pytest.raises(CommandError):
        run("apply", str(tmp_path / "missing.yaml"))
