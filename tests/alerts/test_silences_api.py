"""/v1/alert-silences and acknowledging: who may keep what back, and for how long."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.alerts.rounds import judge_windows
from monitor.models import AlertGroup, AlertSilence
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
HOUR = timedelta(hours=1)


@pytest.fixture
def service():
    return a_service()


@pytest.fixture
def manager(service):
    return a_client(a_key(organization=service.organization, scopes=["read", "manage"])[1])


def ends_in(length):
    return rfc3339(timezone.now() + length)


def test_a_silence_of_a_rule_begins_now_and_is_of_its_service(manager, service):
    rule = a_window_rule(service)

    made = post_json(manager, "/v1/alert-silences", {"alert_id": str(rule.id), "ends_at": ends_in(HOUR)})

    assert made.status_code == 201
    assert made.json()["service_id"] == str(service.id)
    assert made.json()["created_by"].startswith("key:")
    assert AlertSilence.objects.active(timezone.now()).get().matches(rule, "")
    assert manager.get("/v1/alert-silences").json() == [made.json()]


def test_a_silence_without_a_service_is_of_the_whole_organization(manager, service):
    made = post_json(manager, "/v1/alert-silences", {"severity": "info", "ends_at": ends_in(HOUR)})

    assert made.json()["organization"] == str(service.organization_id)
    assert made.json()["service_id"] is None


def test_a_key_of_one_service_silences_that_one_alone(service):
    client = a_client(a_key(service, scopes=["manage"])[1])

    assert post_json(client, "/v1/alert-silences", {"ends_at": ends_in(HOUR)}).status_code == 403


def test_a_key_of_one_service_reads_a_silence_of_the_organization_and_does_not_end_it(manager, service):
    made = post_json(manager, "/v1/alert-silences", {"ends_at": ends_in(HOUR)}).json()
    client = a_client(a_key(service, scopes=["read", "manage"])[1])
    address = f"/v1/alert-silences/{made['id']}"

    answer = client.delete(address)

    assert (answer.status_code, answer.json()["code"]) == (403, "other_service")
    assert AlertSilence.objects.active(timezone.now()).exists()
    assert client.get(address).json() == made


def test_a_key_of_one_service_ends_the_silences_of_that_one(service):
    client = a_client(a_key(service, scopes=["manage"])[1])
    asked = {"service_id": str(service.id), "ends_at": ends_in(HOUR)}
    made = post_json(client, "/v1/alert-silences", asked).json()

    assert client.delete(f"/v1/alert-silences/{made['id']}").status_code == 204


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ends_at": "2020-01-01T00:00:00Z"},
        {"ends_at": "2200-01-01T00:00:00Z"},
        {"starts_at": "2199-01-02T00:00:00Z", "ends_at": "2199-01-01T00:00:00Z"},
    ],
)
def test_a_silence_has_an_end_that_is_ahead_and_within_a_year(manager, said):
    answer = post_json(manager, "/v1/alert-silences", said)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "ends_at"


def test_removing_a_silence_ends_it_and_keeps_it_in_the_list(manager):
    made = post_json(manager, "/v1/alert-silences", {"ends_at": ends_in(HOUR)}).json()

    assert manager.delete(f"/v1/alert-silences/{made['id']}").status_code == 204

    assert not AlertSilence.objects.active(timezone.now() + timedelta(seconds=1)).exists()
    assert len(manager.get("/v1/alert-silences").json()) == 1


def test_silences_of_other_organizations_are_neither_seen_nor_ended(manager):
    foreign = AlertSilence.objects.create(
        organization=a_service().organization,
        starts_at=timezone.now(),
        ends_at=timezone.now() + HOUR,
        created_by="tests",
    )

    assert manager.get("/v1/alert-silences").json() == []
    assert manager.get(f"/v1/alert-silences/{foreign.id}").status_code == 404
    assert manager.delete(f"/v1/alert-silences/{foreign.id}").status_code == 404


def test_acknowledging_names_who_and_until_when(manager, service):
    keep_logs(service, a_log(timestamp=rfc3339(NOON - timedelta(minutes=1))), now=NOON)
    rule = a_window_rule(service)
    judge_windows(now=NOON)

    answer = post_json(manager, f"/v1/alerts/{rule.id}/acknowledge", {"minutes": 30})

    group = AlertGroup.objects.get()
    assert answer.json()["acknowledged"] == 1
    assert group.acknowledged_by.startswith("key:")
    assert timedelta(minutes=29) < group.acknowledged_until - timezone.now() <= timedelta(minutes=30)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "wiki/runbook", "https://wiki example"])
def test_a_runbook_is_a_link_to_the_web(manager, service, link):
    rule = a_window_rule(service)

    answer = manager.patch(f"/v1/alerts/{rule.id}", {"runbook_url": link}, content_type="application/json")

    assert answer.status_code == 400
