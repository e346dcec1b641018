"""Nothing that rules keep or told names a consumer that was forgotten."""

from datetime import timedelta

import pytest
from django.core import serializers

from monitor.alerts.rounds import judge_windows
from monitor.consumers.erase import erase
from monitor.consumers.forget import forget
from monitor.models import AlertEvaluation, AlertEvent, AlertGroup, AlertRule, Consumer
from tests.factories import a_log, a_service, a_window_rule, keep_logs, rfc3339
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def everything_of_alerts():
    rows = (
        row for model in (AlertRule, AlertGroup, AlertEvaluation, AlertEvent) for row in model.objects.all()
    )
    return serializers.serialize("json", rows)


@pytest.mark.parametrize("name", ["", "Acme & Sons"])
def test_groups_events_evaluations_and_rules_lose_the_name_and_keep_their_numbers(name):
    service = a_service()
    at = rfc3339(NOON - timedelta(minutes=1))
    keep_logs(service, *(a_log(timestamp=at, consumer=each) for each in ("acme-1", "other")), now=NOON)
    acme = Consumer.objects.get(identifier="acme-1")
    Consumer.objects.filter(id=acme.id).update(name=name)
    acme.refresh_from_db()
    split, narrow = a_window_rule(service, per="consumer"), a_window_rule(service, consumer="acme-1")
    judge_windows(now=NOON)
    assert "acme-1" in everything_of_alerts()

    forget(acme, asked_by="user:ada", now=NOON)

    kept = everything_of_alerts()
    assert "acme-1" not in kept
    assert "Acme" not in kept
    acme.refresh_from_db()
    assert set(split.groups.values_list("label", "state")) == {
        (acme.identifier, "firing"),
        ("other", "firing"),
    }
    narrow.refresh_from_db()
    assert narrow.consumer == acme.identifier


def test_rules_by_endpoint_lose_a_route_that_spelled_the_name():
    service = a_service()
    at = rfc3339(NOON - timedelta(minutes=1))
    keep_logs(service, a_log(timestamp=at, consumer="acme", path="/tenants/acme/orders"), now=NOON)
    keep_logs(service, a_log(timestamp=at, consumer="zen", path="/plain"), now=NOON)
    acme = Consumer.objects.get(identifier="acme")
    rule = a_window_rule(service, per="endpoint")
    judge_windows(now=NOON)
    assert "GET /tenants/acme/orders" in everything_of_alerts()

    forget(acme, asked_by="user:ada", now=NOON)
    erase(acme.id, now=NOON)

    acme.refresh_from_db()
    assert "/tenants/acme" not in everything_of_alerts()
    assert set(rule.groups.values_list("label", "state")) == {
        (f"GET /tenants/{acme.identifier}/orders", "firing"),
        ("GET /plain", "firing"),
    }
