"""An operator at the admin, and one row of every noun to look at."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from monitor.access import issue_key
from monitor.audit import record
from monitor.channels.register import make_channel, send_test
from monitor.deployments import report_deployment
from monitor.endpoints.reshape import split
from monitor.events import record_event
from monitor.issues.grouping import group_errors
from monitor.models import (
    AlertEvent,
    AlertRule,
    ApiKey,
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
from monitor.status.register import open_incident
from monitor.status.subscribing import add
from monitor.webhooks.endpoints import make_endpoint
from tests.factories import a_log, a_recent_client, keep_logs
from tests.monitors.scenes import a_monitor, a_proxy, check
from tests.status.scenes import a_page

SECRET = "hunter2-is-no-password"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_superuser("ada", "ada@example.com", "correct-horse-battery")


@pytest.fixture
def admin(client: Client, ada: User) -> Client:
    """A browser in which the operator has signed in."""
    return a_recent_client(ada, client=client)


@pytest.fixture
def organization(db: None) -> Organization:
    return Organization.objects.create(name="Acme")


@pytest.fixture
def service(organization: Organization) -> Service:
    return Service.objects.create(organization=organization, name="orders", base_url="https://orders.example")


@pytest.fixture
def key(service: Service) -> ApiKey:
    return issue_key(organization=service.organization, service=service, name="production")[0]


@pytest.fixture
def everything(ada: User, service: Service, key: ApiKey) -> None:
    """A row of every noun, so that no list is empty and every change page exists."""
    AlertRule.objects.create(
        service=service,
        name="errors",
        condition_field="status_code",
        condition_operator=">=",
        condition_value="500",
    )
    (log_id,) = keep(service, {"status_code": 503, "error": "no answer", "consumer": "mobile", "tags": ["a"]})
    assert AlertEvent.objects.filter(log_id=log_id).exists()
    SavedView.objects.create(organization=service.organization, name="errors", query="status:5xx")
    group_errors(now=timezone.now())
    endpoint = Endpoint.objects.get(service=service)
    split(endpoint, pattern="/x", method=endpoint.method, route="", by="user:ada", now=timezone.now())
    add_rule(service, kind="path", pattern="/health", by="user:ada")
    report_deployment(
        service, version="v1", environment="", at=timezone.now(), reported_by="key:x", now=timezone.now()
    )
    Membership.objects.create(organization=service.organization, user=ada, role="owner")
    record("tests.done", organization_id=service.organization_id)
    Plan.objects.create(name="large", requests=1000)
    organization, now = service.organization, timezone.now()
    make_endpoint(organization=organization, url="https://orders.example/hook", enabled_events=["*"], now=now)
    record_event(organization_id=organization.id, type="order.shipped", data={"order": 7}, now=now)
    channel, _ = make_channel(
        NotificationChannel(organization=organization, kind="slack", name="ops"),
        {"url": f"https://hooks.slack.com/services/{SECRET}"},
    )
    send_test(channel, sent_by="user:ada", now=now)
    check(a_monitor(organization, tags=["shop"]))
    a_proxy(organization, password=SECRET)
    page = a_page(organization)
    open_incident(page, title="Slow", impact="minor", status="identified", body="x", now=now)
    add(page, kind="webhook", target=f"https://orders.example/{SECRET}", now=now)
    Maintenance.objects.create(organization=organization, title="Disks", strategy="manual")
    Replay.objects.create(
        service=service,
        original_log_id=log_id,
        method="GET",
        url="https://orders.example/orders",
        overrides={"override_body": "{}"},
        omitted_headers=["authorization"],
        status="success",
        status_code=200,
        response_headers={"content-type": "application/json"},
        response_body="{}",
        latency_ms=3.5,
        replayed_at=timezone.now(),
        replayed_by="user:ada",
    )


def keep(service: Service, *logs: dict[str, Any], ago: timedelta = timedelta(0)) -> list[UUID]:
    """The ids of these logs, kept by the pipeline; `ago` is how long ago each happened."""
    now = timezone.now()
    plain = {"latency_ms": None, "status_code": None, "timestamp": (now - ago).timestamp()}
    return keep_logs(service, *(a_log(**{**plain, **log}) for log in logs), now=now)
