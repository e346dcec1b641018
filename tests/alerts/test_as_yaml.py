"""Rules as YAML: what is exported can be applied, and applying twice changes nothing."""

import io

import pytest
import yaml
from django.core.management import CommandError, call_command

from monitor.alerts.as_yaml import BadRules, apply, export, plan
from monitor.models import AlertRule, Endpoint
from tests.factories import a_log, a_rule, a_service, a_window_rule, keep_logs

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
