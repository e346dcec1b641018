"""Make events and deliveries of what ingestion handed over: each exactly once."""

from datetime import datetime

from django.db import connection, transaction

from monitor.events.packing import unpack
from monitor.events.record import event_of
from monitor.models import Event, WebhookDelivery, WebhookEndpoint

# Rows of the outbox in one transaction; each may hold the failed logs of a whole commit.
MAX_ROWS = 20
TAKE = (
    "DELETE FROM event_outbox WHERE id IN"
    " (SELECT id FROM event_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING packed"
)


@transaction.atomic
def unpack_events(*, now: datetime) -> int:
    """How many events it told. Rows go and events come in one transaction, so neither is lost nor doubled,
    however many deliverers there are."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [MAX_ROWS])
        packed = [content for (content,) in cursor.fetchall()]
    if not packed:
        return 0
    drafts = [draft for content in packed for draft in unpack(content)]
    endpoints = list(
        WebhookEndpoint.objects.listening().filter(organization__in={each.organization_id for each in drafts})
    )
    # Of what happens often, only what somebody hears is kept.
    heard = [draft for draft in drafts if any(endpoint.wants(draft) for endpoint in endpoints)]
    events = [event_of(draft) for draft in heard]
    Event.objects.bulk_create(events, batch_size=1_000)
    WebhookDelivery.objects.fan_out(events, now=now, endpoints=endpoints)
    return len(events)
