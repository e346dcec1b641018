"""What is published of events, and what events say."""

import json

import jsonschema
import pytest
from django.conf import settings
from django.utils import timezone

from monitor.access import issue_key, revoke_key
from monitor.consumers.api import make_consumer
from monitor.events.body import MAX_BODY_BYTES, body_of
from monitor.events.catalogue import CATALOGUE, MANY, TYPE, TYPES
from monitor.events.draft import Draft
from monitor.events.record import event_of
from monitor.events.unpacking import unpack_events
from monitor.lib.ids import new_uuid7
from monitor.models import Event, RequestLog
from monitor.replay import Overrides, replay
from monitor.search.detail import read_detail
from monitor.webhooks import endpoints
from tests.factories import a_log, a_rule, a_service, an_organization, keep_logs

NOW = timezone.now()


def fits(event):
    told = json.loads(event.body)
    schema = CATALOGUE[told["type"]].schema
    jsonschema.validate(told, schema, format_checker=jsonschema.FormatChecker())
    return told


def a_draft(**fields):
    return Draft(
        organization_id=new_uuid7(), **{"type": "order.shipped", "data": {}, "happened_at": NOW, **fields}
    )


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.name)
def test_every_example_fits_its_own_schema(type_):
    jsonschema.Draft202012Validator.check_schema(type_.schema)
    assert TYPE.fullmatch(type_.name)

    fits(event_of(a_draft(type=type_.name, data=type_.example)))


def test_a_schema_refuses_data_of_another_kind():
    event = event_of(a_draft(type="key.created", data=CATALOGUE["test.ping"].example))

    with pytest.raises(jsonschema.ValidationError):
        fits(event)


def test_an_event_that_would_be_large_says_where_to_read_it():
    draft = a_draft(data={"order_id": "7", "notes": "x" * MAX_BODY_BYTES})

    body = body_of(draft)

    assert len(body.encode()) < 1_000
    data = json.loads(body)["data"]
    assert data["order_id"] == "7"
    assert data["event_url"] == f"{settings.PUBLIC_URL}/v1/events/{draft.id}"


@pytest.mark.django_db
def test_what_the_rooms_tell_fits_the_published_schemas(settings):
    organization = an_organization()
    endpoint, _ = endpoints.make_endpoint(
        organization=organization, url="https://shop.example/hook", enabled_events=["*"], now=NOW
    )
    service = a_service(organization, base_url="http://127.0.0.1:9")
    key, _ = issue_key(organization=organization, service=service, name="checkout")
    revoke_key(key, now=NOW)
    revoke_key(key, now=NOW)
    make_consumer(now=NOW, organization=organization, identifier="acme", mode="live")
    a_rule(service, "status_code >= 500")
    [log_id] = keep_logs(
        service,
        a_log(url="http://127.0.0.1:9/orders", status_code=503, error="no stock", consumer="newcomer"),
    )
    replay(
        read_detail(RequestLog.objects.select_related("service").get(id=log_id)),
        Overrides(),
        actor_label="user:ada",
        source_ip=None,
        now=NOW,
    )
    endpoints.rotate_secret(endpoint, overlap=endpoints.DEFAULT_OVERLAP, now=NOW)
    endpoints.change_endpoint(endpoint, is_active=False, now=NOW)
    endpoints.change_endpoint(endpoint, is_active=True, now=NOW)
    unpack_events(now=NOW)
    endpoints.remove_endpoint(endpoint, now=NOW)

    told = sorted(fits(event)["type"] for event in Event.objects.all())

    assert told == [
        "alert.firing",
        "consumer.created",
        "consumer.created",
        "key.created",
        "key.revoked",
        "log.error",
        "replay.finished",
        "webhook.endpoint.created",
        "webhook.endpoint.deleted",
        "webhook.endpoint.disabled",
        "webhook.endpoint.enabled",
        "webhook.endpoint.updated",
    ]
    error = json.loads(Event.objects.get(type="log.error").body)
    assert error["data"]["log_id"] == str(log_id)
    assert error["service_id"] == str(service.id)


def test_what_there_may_be_thousands_of_is_in_the_catalogue():
    assert set(CATALOGUE) >= MANY
