"""The OpenAPI document is true: whatever it allows is answered as it says, and never with a 5xx."""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, assume, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.generation.hypothesis.builder import (
    InvalidHeadersExampleMark,
    MissingPathParameters,
    UnserializablePayloadMark,
)
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from monitor.access.tokens import issue_token
from monitor.channels.register import make_channel, send_test
from monitor.events import record_event
from monitor.ingest import LogItem
from monitor.issues.grouping import group_errors
from monitor.models import (
    AlertSilence,
    Consumer,
    Endpoint,
    ErrorIssue,
    Maintenance,
    MonitorTag,
    NotificationChannel,
    Plan,
    SavedView,
    Service,
    StatusPage,
)
from monitor.people.invitations import invite
from monitor.services.exclusions import add_rule
from monitor.status.register import open_incident
from monitor.status.subscribing import add
from monitor.webhooks.endpoints import make_endpoint
from tests.access.routes import api_routes
from tests.factories import UNKNOWN_ID, a_key, a_log, a_rule, a_service, a_user, an_organization, keep_logs
from tests.monitors.scenes import a_monitor, a_proxy, check

pytestmark = pytest.mark.django_db


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: Any, value: object) -> bytes:
    return str(value).encode(errors="replace")


@schemathesis.serializer("application/x-protobuf")
def as_bytes(context: Any, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@cache
def document(*modes: GenerationMode) -> BaseSchema:
    """The OpenAPI document as the product gives it, for calls of these kinds."""
    found = schemathesis.openapi.from_wsgi("/openapi.json", get_wsgi_application())
    if modes:
        found.config.generation.update(modes=list(modes))
    # The key is added below, so a missing one cannot be what is wrong with a call.
    found.config.generation.update(with_security_parameters=False)
    return found


def documented() -> dict[str, Any]:
    found: dict[str, Any] = document().raw_schema
    return found


# By the routes, which a test below holds to the document. Each process of a run collects every test: the
# document and the cases of all its operations, made there, kept each of them busy for a minute.
OPERATIONS = [
    (f"/{pattern}".replace("<str:", "{").replace(">", "}"), method)
    for pattern, route in api_routes().items()
    for method in route.methods
]
each_operation = pytest.mark.parametrize(
    ("path", "method"), [pytest.param(*each, id=f"{each[1]} {each[0]}") for each in OPERATIONS]
)


def try_calls(
    schema: BaseSchema, path: str, method: str, check: Callable[..., None], **fixtures: Any
) -> None:
    """Try `check` with cases of one operation, as `schema.parametrize()` does."""
    load_all_checks()
    test = build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=check,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=make_constants_value_source(schema)),
    )
    test(**fixtures)
    # What of the operation could not be tried.
    for mark in (UnserializablePayloadMark, InvalidHeadersExampleMark, MissingPathParameters):
        assert mark.get(test) is None


quick = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _open_connection() -> Iterator[None]:
    """Around each request Django closes connections that are in a transaction, as ours is in a test."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def service() -> Service:
    return a_service(name="the service", base_url="https://shop.example")


@pytest.fixture
def headers(service: Service) -> dict[str, str]:
    raw = a_key(service, scopes=["ingest", "read", "replay", "manage"])[1]
    return {"Authorization": f"Bearer {raw}"}


def flat(values: Iterable[Any]) -> Iterator[Any]:
    """The values, and those of lists among them: a parameter may come several times."""
    for value in values:
        yield from value if isinstance(value, list) else [value]


def validate(case: Any, headers: dict[str, str]) -> None:
    # An empty parameter, or one of blanks, counts as left out, for forms' sake; OpenAPI has no lasting word
    # for that.
    assume(all(str(value).strip() for value in flat((case.query or {}).values())))
    # Not every rule fits a schema: that an organization is yours, that an operator goes with a field.
    excluded = [positive_data_acceptance]
    if case.operation.path == "/v1/logs/batch":
        # One bad item does not sink the others: that is 207, where a schema knows right and wrong alone.
        excluded.append(negative_data_rejection)
    if case.media_type == "application/x-protobuf":
        # A schema says of bytes that they are bytes, and some that are made for wrong are a message.
        excluded.append(negative_data_rejection)
    case.call_and_validate(headers=headers, excluded_checks=excluded)


@settings(quick, max_examples=12)
def any_call(case: Any, headers: dict[str, str]) -> None:
    validate(case, headers)


@each_operation
def test_any_call_is_answered_as_documented(path: str, method: str, headers: dict[str, str]) -> None:
    try_calls(document(), path, method, any_call, headers=headers)


@pytest.fixture
def ids(service: Service) -> dict[str, str]:
    (log_id,) = keep_logs(
        service,
        a_log(
            status_code=500,
            error="boom",
            request_headers={"Accept": ["a", "b"], "Authorization": "x"},
            request_body='{"password": "x"}',
            query_params={"a": ["b", {"c": None}]},
            source_ip="10.0.0.1",
            consumer="acme",
            tags=["a"],
        ),
    )
    rule = a_rule(service, "status_code >= 500")
    keep_logs(service, a_log(status_code=500))
    key, _ = a_key(service)
    found = {"service_id": service.id, "log_id": log_id, "alert_id": rule.id, "key_id": key.id}
    found["organization_id"] = service.organization_id
    found["silence_id"] = AlertSilence.objects.create(
        organization=service.organization,
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(hours=1),
        created_by="tests",
    ).id
    found["maintenance_id"] = Maintenance.objects.create(
        organization=service.organization, title="the maintenance", strategy="manual", covers_all=True
    ).id
    page = StatusPage.objects.create(organization=service.organization, slug="the-page", name="the page")
    said = open_incident(page, title="it", impact="minor", status="identified", body="x", now=timezone.now())
    listening = add(page, kind="webhook", target="https://shop.example/hook", now=timezone.now())
    found |= {"status_page_id": page.id, "incident_id": said.id, "subscriber_id": listening.subscriber.id}
    found["view_id"] = SavedView.objects.create(organization=service.organization, name="errors").id
    found["consumer_id"] = Consumer.objects.get(identifier="acme").id
    found["endpoint_id"] = Endpoint.objects.filter(service=service)[0].id
    found["exclusion_id"] = add_rule(service, kind="path", pattern="/nothing", by="user:ada").id
    group_errors(now=timezone.now())
    found["issue_id"] = ErrorIssue.objects.all()[0].id
    webhook, _ = make_endpoint(
        organization=service.organization,
        url="https://shop.example/hook",
        enabled_events=["order.*"],
        now=timezone.now(),
    )
    event = record_event(
        organization_id=service.organization_id,
        service_id=service.id,
        type="order.shipped",
        data={},
        now=timezone.now(),
    )
    found |= {"webhook_id": webhook.id, "event_id": event.id, "delivery_id": event.deliveries.get().id}
    channel, _ = make_channel(
        NotificationChannel(organization=service.organization, kind="email", name="ops"),
        {"to": ["ops@shop.example"]},
    )
    told = send_test(channel, sent_by="tests", now=timezone.now())
    found |= {"channel_id": channel.id, "notification_delivery_id": told.id}
    monitor = a_monitor(service.organization, kind="manual", service=service)
    found |= {"monitor_id": monitor.id, "beat_id": check(monitor).id}
    # Of another: a call that deletes what the others stand on would leave them nothing.
    found |= {"organization_id": an_organization().id, "deletion_id": UNKNOWN_ID}
    found["plan_id"] = Plan.objects.create(name="the plan").id
    found["member_id"] = service.organization.memberships.create(user=a_user()).id
    found["personal_token_id"] = issue_token(
        user_id=a_user().id, name="the token", scopes=["read"], expires_at=None
    )[0].id
    found["invitation_id"] = invite(
        organization=service.organization,
        email="eve@example.com",
        role="viewer",
        invited_by_id=None,
        now=timezone.now(),
    )[0].id
    found["tag_id"] = MonitorTag.objects.create(organization=service.organization, name="shop").id
    found["proxy_id"] = a_proxy(service.organization).id
    return {name: str(id_) for name, id_ in found.items()}


@settings(quick, max_examples=5)
def call_on_what_exists(case: Any, headers: dict[str, str], ids: dict[str, str]) -> None:
    for name in case.path_parameters or {}:
        case.path_parameters[name] = ids[name]
    if isinstance(case.body, dict) and "service_id" in case.body:
        case.body["service_id"] = ids["service_id"]

    validate(case, headers)


@each_operation
def test_calls_on_what_exists_are_answered_as_documented(
    path: str, method: str, headers: dict[str, str], ids: dict[str, str]
) -> None:
    well_meant = document(GenerationMode.POSITIVE)
    try_calls(well_meant, path, method, call_on_what_exists, headers=headers, ids=ids)


def test_every_api_route_and_method_is_documented() -> None:
    told = {
        (path, method.upper()) for path, operations in documented()["paths"].items() for method in operations
    }
    assert told == set(OPERATIONS)


def test_every_operation_says_what_it_is_for_and_how_it_fails() -> None:
    for path, operations in documented()["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            problems = {status for status in operation["responses"] if int(status) >= 400}
            assert {"400", "401", "403", "503"} <= problems, (method, path)
            for status in problems:
                forms = set(operation["responses"][status]["content"])
                # OpenTelemetry's clients are told in their own protocol.
                otlp = {"application/json", "application/x-protobuf"} if speaks_otlp(operation) else set()
                assert forms == {"application/problem+json", *otlp}


def speaks_otlp(operation: dict[str, Any]) -> bool:
    return "application/x-protobuf" in operation.get("requestBody", {}).get("content", {})


def test_the_document_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull)

    assert "Warning" not in capsys.readouterr().err


def test_the_documented_log_is_the_log_that_is_decoded() -> None:
    told = documented()["components"]["schemas"]["LogItemRequest"]

    assert set(told["properties"]) == set(LogItem.__struct_fields__)
    assert set(told["required"]) == {"method", "url", "path"}


def test_every_scheme_of_authentication_is_documented() -> None:
    assert documented()["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
