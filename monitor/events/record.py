"""Record events, in the transaction of what they tell of: they come about together or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from monitor.events.body import body_of
from monitor.events.draft import Draft
from monitor.events.packing import pack
from monitor.lib import pgarrays
from monitor.models import Event, WebhookDelivery, WebhookEndpoint
from monitor.models.webhooks import patterns_of


def record_event(
    *,
    organization_id: UUID,
    type: str,
    data: Mapping[str, Any],
    now: datetime,
    service_id: UUID | None = None,
    mode: str = "live",
    environment: str = "",
) -> Event:
    """One event, kept, and on its way to all that listen for it once the caller's transaction commits."""
    draft = Draft(
        organization_id=organization_id,
        type=type,
        data=data,
        happened_at=now,
        service_id=service_id,
        mode=mode,
        environment=environment,
    )
    return record_events([draft])[0]


@transaction.atomic
def record_events(drafts: Iterable[Draft], *, beside: UUID | None = None) -> list[Event]:
    """The same for several; costs three statements, however many there are.

    `beside` names an endpoint that is not told: it must not hear by itself that it cannot be reached.
    """
    events = Event.objects.bulk_create([event_of(draft) for draft in drafts], batch_size=1_000)
    if events:
        organizations = {event.organization_id for event in events}
        patterns = set().union(*(patterns_of(event.type) for event in events))
        endpoints = WebhookEndpoint.objects.listening().filter(
            organization__in=organizations, enabled_events__overlap=sorted(patterns)
        )
        if beside is not None:
            endpoints = endpoints.exclude(id=beside)
        now = max(event.happened_at for event in events)
        WebhookDelivery.objects.fan_out(events, endpoints=endpoints, now=now)
    return events


def event_of(draft: Draft) -> Event:
    return Event(
        id=draft.id,
        organization_id=draft.organization_id,
        service_id=draft.service_id,
        type=draft.type,
        mode=draft.mode,
        environment=draft.environment,
        body=body_of(draft),
        happened_at=draft.happened_at,
    )


# Part of the statement that keeps logs (`ingest/rows.py`); takes what `outbox_of` gives. No NOTIFY: commits
# that notify wait for one lock. The deliverer looks four times a second.
HAND_OVER = "told AS (INSERT INTO event_outbox (packed) SELECT unnest(%(told)b) FROM guard WHERE ok)"


def outbox_of(drafts: Sequence[Draft]) -> pgarrays.Array:
    """Many events as one small write, or none: the deliverer makes rows of them."""
    return pgarrays.blobs([pack(drafts)] if drafts else [])


def hand_over(drafts: Sequence[Draft]) -> None:
    """Many events by one small write, in the caller's transaction: the deliverer makes rows of them.

    For ingestion, which must not wait for a row for each event and each listener. Ask `is_wanted` first.
    """
    if not drafts:
        return
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO event_outbox (packed) VALUES (%s)", [pack(drafts)])
