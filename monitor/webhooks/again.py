"""Send again: one delivery by hand, what failed since a moment, a test; and stop what waits."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from monitor.events import Draft
from monitor.events.record import event_of
from monitor.lib.ids import uuid7_since
from monitor.models import WebhookDelivery, WebhookEndpoint
from monitor.models.webhooks import DeliveryStatus, Trigger, failed_of
from monitor.webhooks.endpoints import locked

# Of one call; the same call again takes the next ones.
MOST_AT_A_TIME = 10_000


class CannotSend(Exception):
    """The delivery cannot be sent now; the message says why."""


@transaction.atomic
def retry(delivery: WebhookDelivery, *, now: datetime) -> WebhookDelivery:
    """The delivery, due at once, with the secrets and the address of today. Its schedule goes on afterwards.

    Raises CannotSend.
    """
    current = (
        WebhookDelivery.objects.select_for_update(of=("self",)).select_related("endpoint").get(id=delivery.id)
    )
    if current.endpoint.deleted_at is not None:
        raise CannotSend("The endpoint was removed.")
    if current.endpoint.disabled_at is not None:
        raise CannotSend("The endpoint is switched off; switch it on first.")
    if current.status == DeliveryStatus.LEASED:
        raise CannotSend("It is being sent at this moment.")
    if current.trigger != Trigger.MANUAL or current.is_finished:
        current.resumes_at = None if current.is_finished else current.next_attempt_at
    current.status, current.trigger = DeliveryStatus.PENDING, Trigger.MANUAL
    current.next_attempt_at, current.finished_at = now, None
    current.save(update_fields=["status", "trigger", "next_attempt_at", "resumes_at", "finished_at"])
    return current


def failed_within(
    endpoint_id: UUID, *, since: datetime, until: datetime | None = None
) -> QuerySet[WebhookDelivery]:
    """What failed of the deliveries made since then."""
    failed = failed_of(endpoint_id).filter(id__gte=uuid7_since(since)).exclude(trigger=Trigger.TEST)
    return failed if until is None else failed.filter(id__lt=uuid7_since(until))


@transaction.atomic
def replay_failed(
    endpoint: WebhookEndpoint, *, since: datetime, now: datetime, until: datetime | None = None
) -> int:
    """How many deliveries were put on their way again, oldest first: new ones of the same events, with the
    same ids to their receiver. Asked again, it takes none of them twice.

    Raises CannotSend and EndpointGone.
    """
    # Two who ask at once: the second one sees what the first one did.
    current = locked(endpoint.id)
    if current.disabled_at is not None:
        raise CannotSend("The endpoint is switched off; switch it on first.")
    failed = failed_within(endpoint.id, since=since, until=until).order_by("id")[:MOST_AT_A_TIME]
    rows = [
        WebhookDelivery(
            organization_id=old.organization_id,
            endpoint_id=old.endpoint_id,
            event_id=old.event_id,
            event_type=old.event_type,
            trigger=Trigger.REPLAY,
            created_at=now,
            next_attempt_at=now,
            replay_of_id=old.id,
        )
        for old in failed
    ]
    WebhookDelivery.objects.bulk_create(rows, batch_size=2_000)
    return len(rows)


def stop_replays(endpoint: WebhookEndpoint, *, now: datetime) -> int:
    """How many that were to be sent again are not: those that nobody is sending yet."""
    waiting = WebhookDelivery.objects.filter(
        endpoint=endpoint, status=DeliveryStatus.PENDING, replay_of__isnull=False
    )
    return waiting.update(status=DeliveryStatus.CANCELLED, finished_at=now, next_attempt_at=None)


@transaction.atomic
def send_test(endpoint: WebhookEndpoint, *, sent_by: str, now: datetime) -> WebhookDelivery:
    """A test.ping to this endpoint alone, tried once. Raises CannotSend and EndpointGone."""
    current = locked(endpoint.id)
    if current.disabled_at is not None:
        raise CannotSend("The endpoint is switched off; switch it on first.")
    draft = Draft(
        organization_id=current.organization_id,
        type="test.ping",
        data={"message": "Deliveries arrive.", "sent_by": sent_by},
        mode=current.mode,
        environment=current.environment,
        happened_at=now,
    )
    event = event_of(draft)
    event.save(force_insert=True)
    return WebhookDelivery.objects.create(
        organization_id=current.organization_id,
        endpoint=current,
        event=event,
        event_type=event.type,
        trigger=Trigger.TEST,
        created_at=now,
        next_attempt_at=now,
    )
