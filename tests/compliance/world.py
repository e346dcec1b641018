"""An organization with a row of nearly everything."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from monitor.deployments import report_deployment
from monitor.endpoints.reshape import split
from monitor.events import record_event
from monitor.issues.grouping import group_errors
from monitor.lib.actors import Role
from monitor.metrics.compact import compact
from monitor.models import AlertSilence, Endpoint, Maintenance, Organization, SavedView, Service
from monitor.monitors.register import put_dependencies
from monitor.people.invitations import invite
from monitor.services.exclusions import add_rule
from monitor.status.badge_doors import new_badge
from monitor.status.register import hashed, open_incident
from monitor.status.subscribing import add
from monitor.status.subscribing import ask as subscribe
from monitor.webhooks.endpoints import make_endpoint
from tests.factories import a_key, a_log, a_rule, a_service, a_user, an_organization, keep_logs
from tests.monitors.scenes import a_monitor, check
from tests.status.scenes import a_page

SECRET = "hunter2-is-no-password"


@dataclass(frozen=True, kw_only=True)
class World:
    organization: Organization
    service: Service
    owner: object
    key: str
    hook_secret: str


def a_world(name: str) -> World:
    organization, now = an_organization(name), timezone.now()
    owner = a_user(organization, Role.OWNER, email=f"owner@{name.lower()}.example")
    service = a_service(organization, name=f"service of {name}", base_url="https://shop.example")
    _, key = a_key(service)
    a_rule(service, "status_code >= 500")
    logs = [
        a_log(path=f"/{name}/{number}", status_code=500, consumer=f"consumer of {name}", tags=["a"])
        for number in range(3)
    ]
    keep_logs(
        service, *logs, a_log(path="/with-body", request_body=f'{{"password": "{SECRET}", "of": "{name}"}}')
    )
    group_errors(now=now)
    compact(now=now)
    endpoint = Endpoint.objects.filter(service=service).first()
    split(endpoint, pattern="/x", method=endpoint.method, route="", by="user:ada", now=now)
    Endpoint.objects.filter(service=service).exclude(id=endpoint.id).update(merged_into=endpoint)
    add_rule(service, kind="path", pattern="/nothing", by="user:ada")
    report_deployment(service, version="v1", environment="", at=now, reported_by="key:x", now=now)
    _, hook_secret = make_endpoint(
        organization=organization, url=f"https://{name}.example/hook", enabled_events=["*"], now=now
    )
    record_event(organization_id=organization.id, type="order.shipped", data={"order": name}, now=now)
    monitor = a_monitor(organization, kind="manual", service=service)
    check(monitor)
    put_dependencies(a_monitor(organization, kind="manual", name="behind it"), [monitor.id])
    new_badge(monitor)
    work = Maintenance.objects.create(organization=organization, title="Backups", strategy="manual")
    work.monitors.add(monitor)
    page = a_page(organization, monitor, slug=name.lower(), password=hashed(SECRET))
    add(page, kind="webhook", target=f"https://{name}.example/{SECRET}", now=now)
    subscribe(page, kind="email", target=f"reader@{name}.example", now=now)
    open_incident(page, title="Slow", impact="minor", status="identified", body="Hm.", now=now)
    SavedView.objects.create(organization=organization, name="errors", query="status:5xx")
    AlertSilence.objects.create(
        organization=organization, starts_at=now, ends_at=now + timedelta(hours=1), created_by="tests"
    )
    invite(organization=organization, email="eve@example.com", role="viewer", invited_by_id=None, now=now)
    return World(organization=organization, service=service, owner=owner, key=key, hook_secret=hook_secret)
