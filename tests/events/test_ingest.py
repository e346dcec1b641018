"""What telling of logs costs ingestion: nothing while nobody listens, one small write where somebody does."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitor.events import unpacking
from monitor.events.listening import forget_listeners, is_wanted
from monitor.events.unpacking import unpack_events
from monitor.models import (
    AlertEvent,
    AlertSilence,
    Consumer,
    Event,
    EventOutbox,
    WebhookDelivery,
    WebhookEndpoint,
)
from monitor.webhooks import endpoints
from tests.factories import a_log, a_rule, a_service, an_organization, keep_logs

pytestmark = pytest.mark.django_db
FAILED = {"status_code": 503, "consumer": "acme"}


@pytest.fixture
def service():
    return a_service(an_organization())


def listen(service, *events, **fields):
    endpoint, _ = endpoints.make_endpoint(
        organization=service.organization,
        url="https://shop.example/hook",
        enabled_events=events,
        now=timezone.now(),
        **fields,
    )
    # As after the commit, which no test of a rolled-back transaction reaches.
    forget_listeners()
    return endpoint


def statements_about_events(service, *logs):
    with CaptureQueriesContext(connection) as captured:
        keep_logs(service, *logs)
    return [
        each["sql"]
        for each in captured
        if "event_outbox" in each["sql"] or "webhook" in each["sql"] or '"event"' in each["sql"]
    ]


def test_while_nobody_listens_failed_logs_cost_a_look_every_two_seconds_and_no_write(service):
    first = statements_about_events(service, *[a_log(**FAILED)] * 50)
    second = statements_about_events(service, *[a_log(**FAILED)] * 50)

    assert [each[:6] for each in first] == ["SELECT"]
    assert second == []
    assert not EventOutbox.objects.exists()


def test_logs_that_did_not_fail_cost_not_even_that(service):
    keep_logs(service, a_log())
    forget_listeners()

    assert statements_about_events(service, *[a_log()] * 50) == []


def test_where_somebody_listens_all_of_a_commit_are_one_row_of_the_statement_that_keeps_it(service):
    listen(service, "log.error")
    is_wanted(service.organization_id, "log.error")

    written = statements_about_events(service, *[a_log(**FAILED)] * 50, a_log())

    assert written == []
    assert EventOutbox.objects.count() == 1
    assert unpack_events(now=timezone.now()) == 50
    assert WebhookDelivery.objects.count() == 50
    assert not EventOutbox.objects.exists()


def test_a_large_batch_of_failed_logs_is_told_in_several_steps(service, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_BYTES", 1)
    listen(service, "log.error")
    for _ in range(3):
        keep_logs(service, *[a_log(**FAILED)] * 10)

    steps = [unpack_events(now=timezone.now()) for _ in range(4)]

    assert steps == [10, 10, 10, 0]


def test_what_nobody_hears_after_all_holds_up_nothing(service):
    listen(service, "log.error", environment="prod")
    keep_logs(service, a_log(**FAILED, environment="dev"))

    assert [unpack_events(now=timezone.now()) for _ in range(2)] == [1, 0]


def test_an_alert_and_a_new_consumer_are_told_on_the_same_way(service):
    listen(service, "alert.firing", "consumer.created")
    a_rule(service, "status_code >= 500", name="Server errors")

    keep_logs(service, a_log(**FAILED), a_log(consumer="other"))
    keep_logs(service, a_log(consumer="other"))
    unpack_events(now=timezone.now())

    types = Event.objects.filter(deliveries__isnull=False).values_list("type", flat=True)
    assert sorted(types) == ["alert.firing", "consumer.created", "consumer.created"]
    assert Consumer.objects.count() == 2


def test_what_is_silenced_is_kept_and_told_to_no_program(service):
    listen(service, "alert.firing")
    loud, quiet = (a_rule(service, name=name) for name in ("Loud", "Quiet"))
    now = timezone.now()
    AlertSilence.objects.create(
        organization=service.organization,
        rule=quiet,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        created_by="tests",
    )

    keep_logs(service, a_log(**FAILED))
    unpack_events(now=timezone.now())

    told = [json.loads(event.body)["data"] for event in Event.objects.filter(type="alert.firing")]
    assert [(data["rule"], data["severity"]) for data in told] == [("Loud", "warning")]
    assert {event.rule_id for event in AlertEvent.objects.all()} == {loud.id, quiet.id}


def test_silences_are_not_looked_up_where_nobody_listens_for_alerts(service):
    a_rule(service)

    with CaptureQueriesContext(connection) as captured:
        keep_logs(service, a_log(**FAILED))

    assert not [each for each in captured if "alert_silence" in each["sql"]]


def test_what_the_listener_does_not_want_after_all_is_not_kept(service):
    listen(service, "log.error", environment="prod")

    keep_logs(service, a_log(**FAILED, environment="dev"), a_log(**FAILED, environment="prod"))
    unpack_events(now=timezone.now())

    assert list(Event.objects.filter(type="log.error").values_list("environment", flat=True)) == ["prod"]


def test_a_listener_of_another_organization_wakes_nobody(service):
    listen(a_service(an_organization()), "log.error")

    keep_logs(service, a_log(**FAILED))

    assert not EventOutbox.objects.exists()


def test_an_endpoint_that_is_off_listens_no_more(service):
    endpoint = listen(service, "log.*")
    endpoints.change_endpoint(endpoint, is_active=False, now=timezone.now())
    forget_listeners()

    assert not is_wanted(service.organization_id, "log.error")
    assert WebhookEndpoint.objects.listening().count() == 0
