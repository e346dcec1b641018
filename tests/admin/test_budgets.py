"""What a list costs does not grow with its rows."""

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitor.access import issue_key
from monitor.audit import record
from monitor.channels.register import make_channel, send_test
from monitor.deployments import report_deployment
from monitor.endpoints.reshape import split
from monitor.events import record_event
from monitor.issues.grouping import group_errors
from monitor.models import (
    AlertRule,
    Endpoint,
    Maintenance,
    Membership,
    NotificationChannel,
    Organization,
    Plan,
    Replay,
    SavedView,
    Service,
)
from monitor.services.exclusions import add_rule
from monitor.services.tasks import purge_service
from monitor.status.register import open_incident
from monitor.status.subscribing import add
from monitor.webhooks.endpoints import make_endpoint
from tests.admin.conftest import keep
from tests.monitors.scenes import a_monitor, a_proxy, check
from tests.status.scenes import a_page

pytestmark = pytest.mark.django_db

MODELS = sorted(django_admin.site._registry, key=lambda model: model._meta.label)


def grow(number):
    """One more row of every noun, each with neighbours of its own."""
    plan = Plan.objects.create(name=f"plan {number}")
    organization = Organization.objects.create(name=f"organization {number}", plan=plan)
    service = Service.objects.create(organization=organization, name=f"service {number}")
    issue_key(organization=organization, service=service, name="key")
    AlertRule.objects.create(
        service=service, name="rule", condition_field="error", condition_operator="==", condition_value="true"
    )
    (log_id,) = keep(
        service, {"error": "no", "path": f"/a{number}b", "route": f"/r{number}", "consumer": "app"}
    )
    SavedView.objects.create(organization=organization, name="errors", query="status:5xx")
    group_errors(now=timezone.now())
    endpoint = Endpoint.objects.get(service=service)
    split(endpoint, pattern="/x", method=endpoint.method, route="", by="u", now=timezone.now())
    add_rule(service, kind="path", pattern="/health", by="u")
    report_deployment(
        service, version="v1", environment="", at=timezone.now(), reported_by="key:x", now=timezone.now()
    )
    url = f"https://shop.example/{number}"
    make_endpoint(organization=organization, url=url, enabled_events=["*"], now=timezone.now())
    record_event(organization_id=organization.id, type="order.shipped", data={}, now=timezone.now())
    channel = NotificationChannel(organization=organization, kind="email", name="ops")
    make_channel(channel, {"to": ["ops@shop.example"]})
    send_test(channel, sent_by="u", now=timezone.now())
    check(a_monitor(organization, tags=["shop"]))
    a_proxy(organization)
    page = a_page(organization, slug=f"page-{number}")
    open_incident(page, title="Slow", impact="minor", status="identified", body="x", now=timezone.now())
    add(page, kind="webhook", target=f"https://shop.example/{number}", now=timezone.now())
    Maintenance.objects.create(organization=organization, title="Disks", strategy="manual")
    person = User.objects.create_user(f"person {number}")
    Membership.objects.create(organization=organization, user=person)
    Replay.objects.create(
        service=service,
        original_log_id=log_id,
        method="GET",
        url="/",
        status="failed",
        replayed_at=timezone.now(),
    )
    LogEntry.objects.create(
        user=person,
        content_type=ContentType.objects.get_for_model(Service),
        object_id=str(service.pk),
        object_repr="x",
        action_flag=1,
        change_message="[]",
    )
    record("tests.done", organization_id=organization.id)
    purge_service.defer(service_id=str(service.pk))


def cost(client, address):
    """The statements of one look at the page. The first look fills caches, so the second counts."""
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    assert answer.status_code == 200
    return len(queries), answer


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_list_costs_the_same_with_one_row_and_with_nine(admin, model):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    grow(0)
    few, before = cost(admin, address)

    for number in range(1, 9):
        grow(number)
    many, after = cost(admin, address)

    assert after.context["cl"].result_count >= before.context["cl"].result_count + 8
    assert many == few


def test_the_log_list_costs_its_stated_budget(admin):
    grow(0)

    # session, user; services that are leaving, services to filter by; savepoint, time limit, rows, release;
    # the organizations of the one who looks, for every page's context.
    assert cost(admin, reverse("admin:monitor_requestlog_changelist"))[0] == 9


def test_the_front_page_costs_its_stated_budget(admin):
    grow(0)
    few, _ = cost(admin, "/admin/")
    for number in range(1, 9):
        grow(number)

    # session, user; services; whether clients have counted, asked by the totals and by the services' last
    # hour; rollups and then, as they are few, logs: of the totals, the minutes and the table of services,
    # each within a savepoint and a limit of time (four); newest errors; the limit around them (three);
    # organizations as above; recent changes.
    assert few == cost(admin, "/admin/")[0] == 32
