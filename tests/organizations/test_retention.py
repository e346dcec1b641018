"""What an organization says of retention holds for its services that say nothing themselves."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from monitor.models import Organization, Plan, RequestLog, Service
from monitor.models.retention import Retention
from monitor.models.services import longest_retention_days
from monitor.organizations import RetentionTooShort, change_organization
from monitor.retention import enforce
from tests.factories import a_client, a_key, a_log, a_service, a_user, an_organization, keep_logs, post_json

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def manager(organization):
    return a_client(user=a_user(organization, "admin"))


def retention_of(service):
    return Service.objects.with_retention().get(id=service.id).retention


def test_a_service_inherits_what_it_does_not_say(organization, settings):
    silent, outspoken = a_service(organization), a_service(organization, retention_days=5)
    assert retention_of(silent) == Retention(days=30, error_days=30)

    change_organization(organization, retention_days=10, error_retention_days=60)

    assert retention_of(silent) == Retention(days=10, error_days=60)
    assert retention_of(outspoken) == Retention(days=5, error_days=60)
    assert retention_of(a_service()) == Retention(days=settings.RETENTION_DAYS, error_days=30)


def test_a_search_reaches_as_far_back_as_an_organization_keeps(organization):
    a_service(organization)
    change_organization(organization, retention_days=90)

    assert longest_retention_days() == 90


def test_errors_are_kept_at_least_as_long(organization):
    with pytest.raises(RetentionTooShort):
        change_organization(organization, retention_days=20, error_retention_days=10)

    organization.refresh_from_db()
    assert organization.retention_days is None


@pytest.mark.django_db(transaction=True)
def test_ingestion_refuses_and_the_worker_lets_go_what_is_older():
    service = a_service()
    raw = a_key(service)[1]
    now = timezone.now()
    old = a_log(timestamp=(now - timedelta(days=9)).timestamp())
    keep_logs(service, old, a_log())
    change_organization(service.organization, retention_days=7)

    answer = post_json(a_client(raw), "/v1/logs", old)
    enforce(now=now)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "timestamp")
    assert RequestLog.objects.filter(service=service).count() == 1


def test_it_is_changed_by_api(organization, manager):
    address = f"/v1/organizations/{organization.id}"

    changed = manager.patch(address, {"retention_days": 14}, content_type="application/json")
    too_short = manager.patch(address, {"error_retention_days": 3}, content_type="application/json")

    assert (changed.status_code, changed.json()["retention_days"]) == (200, 14)
    assert (too_short.status_code, too_short.json()["errors"][0]["field"]) == (400, "error_retention_days")
    assert manager.get("/v1/organizations").json() == [changed.json()]


def test_a_plan_is_given_by_operators_alone(organization, manager, django_user_model):
    Plan.objects.create(name="large", requests=1000)
    address, sent = f"/v1/organizations/{organization.id}", {"plan": "large"}
    operator = a_client(user=django_user_model.objects.create_superuser("ada", "ada@example.com", "x"))

    refused = manager.patch(address, sent, content_type="application/json")
    done = operator.patch(address, sent, content_type="application/json")

    assert refused.status_code == 403
    assert (done.status_code, done.json()["plan"]) == (200, "large")
    assert Organization.objects.get(id=organization.id).plan.name == "large"


def test_the_list_costs_the_same_for_many(organization, manager, django_assert_num_queries):
    person = User.objects.get()
    for _ in range(3):
        a_user(organization)
        person.memberships.create(organization=an_organization())
    manager.get("/v1/organizations")

    # The session, the person, the memberships, and the organizations with their plans.
    with django_assert_num_queries(4):
        assert len(manager.get("/v1/organizations").json()) == 4


def test_it_is_changed_on_a_page_that_the_page_of_what_is_kept_leads_to(organization, manager):
    a_service(organization, name="outspoken", retention_days=5)
    address = f"/organizations/{organization.id}/retention"
    assert address in manager.get("/storage").content.decode()
    assert "outspoken" in manager.get(address).content.decode()

    refused = manager.post(address, {"retention_days": "20", "error_retention_days": "10"})
    saved = manager.post(address, {"retention_days": "20", "error_retention_days": ""})

    assert (refused.status_code, saved.status_code) == (400, 302)
    assert "at least as long as other logs: 20 days" in refused.content.decode()
    organization.refresh_from_db()
    assert (organization.retention_days, organization.error_retention_days) == (20, None)
    assert "20 days" in manager.get("/storage").content.decode()


def test_it_is_changed_in_the_admin(organization, django_user_model, client):
    client.force_login(django_user_model.objects.create_superuser("ada", "ada@example.com", "x"))
    form = {
        "name": organization.name,
        "retention_days": "12",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }

    answer = client.post(f"/admin/monitor/organization/{organization.id}/change/", form)

    assert answer.status_code == 302
    organization.refresh_from_db()
    assert organization.retention_days == 12
