"""Rules that mean something, and events that stay readable."""

import pytest
from django.urls import reverse
from django.utils import timezone

from monitor.models import AlertEvent, AlertRule, Service
from tests.admin.conftest import keep

pytestmark = pytest.mark.django_db

ADD = reverse("admin:monitor_alertrule_add")


def rule(service, field="status_code", operator=">=", value="500"):
    return {
        "service": str(service.pk),
        "name": "errors",
        "description": "",
        "condition_field": field,
        "condition_operator": operator,
        "condition_value": value,
        "is_active": "on",
    }


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [("status_code", ">=", "500"), ("latency_ms", ">", "12.5"), ("error", "==", "true")],
)
def test_a_rule_that_means_something_is_made(admin, service, field, operator, value):
    admin.post(ADD, rule(service, field, operator, value))

    assert AlertRule.objects.get().condition == f"{field} {operator} {value}"


@pytest.mark.parametrize(
    ("field", "operator", "value", "at_fault"),
    [
        ("status_code", ">=", "soon", "condition_value"),
        ("status_code", ">=", "500.5", "condition_value"),
        ("latency_ms", ">", "nan", "condition_value"),
        ("error", ">", "true", "condition_operator"),
        ("error", "==", "maybe", "condition_value"),
        ("path", "==", "/", "condition_field"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_at_the_field_at_fault(
    admin, service, field, operator, value, at_fault
):
    answer = admin.post(ADD, rule(service, field, operator, value))

    assert list(answer.context["adminform"].form.errors) == [at_fault]
    assert not AlertRule.objects.exists()


def test_a_rule_of_a_window_is_made_and_judged_by_the_same_table_as_the_api(admin, service):
    said = {
        "service": str(service.pk),
        "name": "slow",
        "kind": "metric",
        "measure": "p95_latency",
        "direction": "above",
        "threshold": "800",
        "window_s": "300",
        "is_active": "on",
    }

    refused = admin.post(ADD, {**said, "window_s": "30"})
    admin.post(ADD, said)

    assert list(refused.context["adminform"].form.errors) == ["window_s"]
    assert AlertRule.objects.get().condition == "p95 latency above 800 ms over 5 min"


def test_a_rule_stays_with_its_service(admin, service):
    other = Service.objects.create(organization=service.organization, name="other")
    admin.post(ADD, rule(service))
    made = AlertRule.objects.get()

    admin.post(reverse("admin:monitor_alertrule_change", args=[made.pk]), {**rule(other), "name": "renamed"})

    made.refresh_from_db()
    assert (made.name, made.service) == ("renamed", service)


def test_the_list_says_why_a_rule_could_not_be_judged(admin, service):
    admin.post(ADD, rule(service))
    AlertRule.objects.update(last_error="no such number", last_error_at=timezone.now())

    assert "no such number" in admin.get(reverse("admin:monitor_alertrule_changelist")).text


def test_the_events_of_one_rule_are_a_click_away(admin, service):
    for name in ("a", "b"):
        admin.post(ADD, {**rule(service), "name": name})
    keep(service, {"status_code": 500})
    first = AlertRule.objects.get(name="a")

    listed = admin.get(reverse("admin:monitor_alertevent_changelist"), {"rule__id__exact": str(first.pk)})

    assert AlertEvent.objects.count() == 2
    assert [event.rule for event in listed.context["cl"].result_list] == [first]


def test_removing_a_rule_removes_its_events_without_loading_them(admin, service):
    admin.post(ADD, rule(service))
    keep(service, {"status_code": 500}, {"status_code": 500})
    made = AlertRule.objects.get()
    address = reverse("admin:monitor_alertrule_delete", args=[made.pk])

    asked = admin.get(address).text
    admin.post(address, {"post": "yes"})

    assert "errors, with its events" in asked
    assert "GET /orders" not in asked
    assert not AlertEvent.objects.exists()
