"""What was told goes after a month; what is not finished stays."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core import serializers
from django.utils import timezone

from monitor.channels.forgetting import forget_names, forget_old
from monitor.channels.looking import Look, samples_of
from monitor.models import Notification, NotificationAttempt, NotificationDelivery
from tests.factories import a_log, a_service, an_organization, keep_logs
from tests.receiver import Reply

pytestmark = pytest.mark.django_db


def test_what_was_told_goes_after_a_month_with_its_attempts(a_channel, happen, receiver, deliver, clock):
    a_channel(url=receiver.url)
    happen(key="old", happened_at=clock() - timedelta(days=31))
    happen(key="new")
    deliver()

    assert forget_old(now=clock()) == 1

    assert Notification.objects.get().key == "new"
    assert NotificationDelivery.objects.count() == NotificationAttempt.objects.count() == 1


def test_what_is_not_finished_stays(a_channel, happen, receiver, deliver, clock):
    a_channel(url=receiver.url)
    receiver.replies(Reply(status=500))
    happen(happened_at=clock() - timedelta(days=31))
    deliver()

    assert forget_old(now=clock()) == 0
    assert NotificationDelivery.objects.get().status == "pending"


@pytest.mark.parametrize("name", ["acme-1", 'Acme "&" Sons', "acme/1"])
def test_what_was_told_loses_the_name_of_a_forgotten_consumer_and_keeps_the_rest(
    name, a_channel, happen, receiver, deliver, organization
):
    a_channel(url=receiver.url)
    receiver.reply = lambda arrived: Reply(body=f"told {name} of it".encode())
    link = f"http://127.0.0.1:8090/dashboard?{urlencode({'consumer': name})}"
    happen(
        title=f"Firing: slow ({name})",
        message=f"{name} waits",
        facts=[("Consumer", name), ("Value", "912 ms")],
        links=[("Requests", link)],
    )
    happen(key="another", title=f"Firing: not{name}either")
    deliver()

    for _ in range(2):
        forget_names(organization.id, [name], instead="forgotten-1")

    told = Notification.objects.get(key="rule:all:1")
    assert told.title == "Firing: slow (forgotten-1)"
    assert ["Value", "912 ms"] in told.details["facts"]
    assert told.details["links"] == [["Requests", "http://127.0.0.1:8090/dashboard?consumer=forgotten-1"]]
    kept = serializers.serialize(
        "json", [told, *NotificationAttempt.objects.filter(delivery__notification=told)]
    )
    assert name not in kept.replace('\\\\"', '"').replace('\\"', '"')
    assert Notification.objects.filter(title=f"Firing: not{name}either").exists()


def test_what_another_organization_was_told_stays(a_channel, happen, clock):
    a_channel("email")
    happen(title="Firing: acme-1")

    forget_names(an_organization().id, ["acme-1"], instead="forgotten-1")

    assert Notification.objects.get().title == "Firing: acme-1"


def a_look(service, **fields):
    now = timezone.now()
    said = {"service_id": str(service.id), "since": now - timedelta(hours=1), "until": now, **fields}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in said.items()}


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, ["/new", "/slow", "/failed"]),
        ({"order": "slowest"}, ["/slow", "/new", "/failed"]),
        ({"order": "failed"}, ["/failed"]),
        ({"environment": "dev"}, ["/slow"]),
        ({"tag": "beta"}, ["/new"]),
        ({"consumer": "acme"}, ["/failed"]),
        ({"status_class": "5xx"}, ["/failed"]),
    ],
)
def test_requests_are_found_as_they_are_asked_for(fields, paths):
    service = a_service()
    now = timezone.now()
    at = [(now - timedelta(minutes=minutes)).timestamp() for minutes in (3, 2, 1)]
    keep_logs(
        service,
        a_log(path="/failed", status_code=503, latency_ms=1.0, consumer="acme", timestamp=at[0]),
        a_log(path="/slow", latency_ms=900.0, environment="dev", timestamp=at[1]),
        a_log(path="/new", latency_ms=5.0, tags=["beta"], timestamp=at[2]),
        now=now,
    )

    found = samples_of(a_look(service, **fields))

    assert [sample["path"] for sample in found] == paths


def test_a_look_that_says_nothing_finds_nothing():
    assert samples_of(None) == []


def test_the_explorer_is_opened_on_what_is_spoken_of():
    service = a_service()
    now = timezone.now()

    address = Look(service_id=service.id, since=now, until=now, tag="beta", min_latency_ms=800.0).address

    assert f"service_id={service.id}" in address
    assert "tag=beta&min_latency_ms=800&since=" in address
    assert "consumer" not in address
