"""Old deliveries and events go; what is not finished stays."""

from datetime import timedelta

import pytest

from monitor.lib.ids import uuid7_at
from monitor.models import Event, WebhookAttempt, WebhookDelivery, WebhookSecret
from monitor.webhooks import endpoints
from monitor.webhooks.forgetting import forget_old

pytestmark = pytest.mark.django_db


def aged(organization, endpoint, clock, *, days, status="succeeded", **fields):
    at = clock() - timedelta(days=days)
    event = Event.objects.create(
        id=uuid7_at(at), organization=organization, type="order.shipped", body="{}", happened_at=at
    )
    delivery = WebhookDelivery.objects.create(
        id=uuid7_at(at),
        organization=organization,
        endpoint=endpoint,
        event=event,
        event_type=event.type,
        status=status,
        created_at=at,
        next_attempt_at=at,
        **fields,
    )
    WebhookAttempt.objects.create(delivery=delivery, number=1, trigger="auto", started_at=at, duration_ms=1)
    return delivery


def test_finished_deliveries_go_after_30_days_and_their_events_after_90(organization, an_endpoint, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook")
    kept = aged(organization, endpoint, clock, days=29)
    aged(organization, endpoint, clock, days=31, status="dead")
    gone = aged(organization, endpoint, clock, days=91)

    forget_old(now=clock())

    assert list(WebhookDelivery.objects.filter(event_type="order.shipped")) == [kept]
    assert WebhookAttempt.objects.get().delivery == kept
    assert Event.objects.filter(type="order.shipped").count() == 2
    assert not Event.objects.filter(id=gone.event_id).exists()


@pytest.mark.parametrize("status", ["pending", "leased"])
def test_what_is_not_finished_stays_however_old_it_is(organization, an_endpoint, clock, status):
    endpoint, _ = an_endpoint("https://shop.example/hook")
    old = aged(organization, endpoint, clock, days=400, status=status)

    forget_old(now=clock())

    assert WebhookDelivery.objects.filter(id=old.id).exists()
    assert Event.objects.filter(id=old.event_id).exists()
    assert WebhookAttempt.objects.count() == 1


def test_one_that_was_sent_again_goes_before_its_successor(organization, an_endpoint, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook")
    old = aged(organization, endpoint, clock, days=31, status="dead")
    successor = WebhookDelivery.objects.create(
        organization=organization,
        endpoint=endpoint,
        event=old.event,
        event_type=old.event_type,
        created_at=clock(),
        next_attempt_at=clock(),
        replay_of=old,
    )

    forget_old(now=clock())

    assert WebhookDelivery.objects.get(event_type="order.shipped") == successor


def test_a_secret_whose_time_is_over_is_deleted_and_not_only_ignored(an_endpoint, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook")
    endpoints.rotate_secret(endpoint, overlap=timedelta(hours=1), now=clock())
    clock.move(hours=2)

    forget_old(now=clock())

    assert WebhookSecret.objects.get().expires_at is None


def test_what_was_told_to_an_endpoint_in_the_moment_of_its_removal_is_cancelled(an_endpoint, happen, clock):
    endpoint, _ = an_endpoint("https://shop.example/hook", events=("order.*",))
    endpoints.remove_endpoint(endpoint, now=clock())
    late = WebhookDelivery.objects.create(
        organization_id=endpoint.organization_id,
        endpoint=endpoint,
        event=happen(),
        event_type="order.shipped",
        created_at=clock(),
        next_attempt_at=clock(),
    )

    forget_old(now=clock())

    late.refresh_from_db()
    assert late.status == "cancelled"
