"""Things that tests need, made with as little as they take. Everything goes the way the product goes."""

import itertools
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from monitor.access import issue_key
from monitor.alerts.conditions import compile_condition
from monitor.ingest import LogItem, accept
from monitor.ingest.entry import Sender
from monitor.lib.actors import Role
from monitor.models import AlertRule, ApiKey, Membership, Organization, Service

_numbers = itertools.count(1)
# A well-formed id that nothing has.
UNKNOWN_ID = "018f1e2d-3c4b-7a59-8877-665544332211"


def an_organization(name: str | None = None) -> Organization:
    return Organization.objects.create(name=name or f"Organization {next(_numbers)}")


def the_default_organization() -> Organization:
    """The one that the first migration makes, also after a test that emptied all tables."""
    return Organization.objects.get_or_create(name="Default")[0]


def a_service(organization: Organization | None = None, **fields: Any) -> Service:
    fields = {"name": f"service {next(_numbers)}", **fields}
    return Service.objects.create(organization=organization or an_organization(), **fields)


def a_key(
    service: Service | None = None, *, organization: Organization | None = None, **fields: Any
) -> tuple[ApiKey, str]:
    """A key and its text: of a service, or of an organization alone."""
    if service is None and organization is None:
        service = a_service()
    owner = organization or (service.organization if service else None)
    if owner is None:
        raise ValueError("A key needs an organization.")
    return issue_key(organization=owner, service=service, **{"name": "tests", **fields})


def a_user(organization: Organization | None = None, role: Role = Role.MEMBER, **fields: Any) -> User:
    user = User(username=f"user{next(_numbers)}", **fields)
    user.set_unusable_password()
    user.save()
    if organization is not None:
        Membership.objects.create(organization=organization, user=user, role=role)
    return user


def a_log(**fields: Any) -> dict[str, Any]:
    """A log as a sender writes it."""
    return {
        "method": "GET",
        "url": "https://shop.example/orders",
        "path": "/orders",
        "status_code": 200,
        "latency_ms": 12.5,
        **fields,
    }


def keep_logs(
    service: Service, *logs: dict[str, Any], mode: str = "live", now: datetime | None = None
) -> list[UUID]:
    """The ids of these logs, kept by the pipeline."""
    sender = Sender(
        organization_id=service.organization_id,
        service_id=service.id,
        mode=mode,
        keep_bodies=service.keep_bodies,
        retention=service.retention,
        path_rules=service.path_rules,
        exclusions=service.exclusions,
    )
    items = [msgspec.convert(log, LogItem) for log in logs]
    outcome = accept(items, sender, now=now or timezone.now())
    if outcome.rejections:
        raise ValueError(outcome.rejections)
    return [entry.id for entry in outcome.entries]


def a_rule(service: Service, condition: str = "status_code >= 500", **fields: Any) -> AlertRule:
    """A rule out of `field operator value`."""
    field, comparison, value = condition.split(" ", 2)
    compile_condition(field, comparison, value)
    return AlertRule.objects.create(
        service=service,
        condition_field=field,
        condition_operator=comparison,
        condition_value=value,
        **{"name": f"rule {next(_numbers)}", **fields},
    )


def a_window_rule(service: Service, **fields: Any) -> AlertRule:
    """A rule of a window: requests above none in five minutes, unless it says otherwise."""
    return AlertRule.objects.create(
        service=service,
        **{
            "name": f"rule {next(_numbers)}",
            "kind": "metric",
            "measure": "request_count",
            "direction": "above",
            "threshold": 0,
            "window_s": 300,
            **fields,
        },
    )


def a_client(raw_key: str | None = None, *, user: User | None = None) -> Client:
    """A caller with a key, a person who has signed in, or a stranger."""
    client = Client(headers={"Authorization": f"Bearer {raw_key}"} if raw_key else {})
    if user is not None:
        client.force_login(user)
    return client


def a_recent_client(user: User, *methods: str, ago_s: float = 0, client: Client | None = None) -> Client:
    """A browser whose person signed in just now, or `ago_s` seconds ago, by these methods (password, mfa)."""
    client = client or Client()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [
        {"method": method, "at": time.time() - ago_s} for method in methods or ("password",)
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


def post_json(client: Client, address: str, data: object) -> Any:
    """The answer to a POST of JSON; bytes and text are sent as they are."""
    return client.post(address, data, content_type="application/json")


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
