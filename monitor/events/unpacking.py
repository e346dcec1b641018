"""Make events and deliveries of what ingestion handed over: each exactly once."""

from datetime import datetime

from django.db import IntegrityError, connection, transaction

from monitor.events.packing import unpack
from monitor.events.record import event_of
from monitor.models import Event, WebhookDelivery, WebhookEndpoint

# Rows of the outbox in one transaction, and about as many bytes: a row may hold the failed logs of a whole
# batch, 50 to 80 bytes each, and all of them are in memory at once.
MAX_ROWS = 20
MAX_BYTES = 50_000
TAKE = """
DELETE FROM event_outbox WHERE id IN (
    SELECT id FROM (
        SELECT id, sum(size) OVER (ORDER BY id) - size AS before FROM (
            SELECT id, length(packed) AS size FROM event_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
        ) first
    ) counted WHERE before < %s
) RETURNING packed
"""


def unpack_events(*, now: datetime) -> int:
    """How many it took, heard or not; 0 when nothing is left. Rows go and events come in one transaction, so
    none is lost or doubled, however many deliverers there are."""
    try:
        return unpack_some(now=now)
    except IntegrityError:
        # An organization was deleted after its endpoints were read. Nobody hears for it now.
        return unpack_some(now=now)


@transaction.atomic
def unpack_some(*, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [MAX_ROWS, MAX_BYTES])
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
    return len(drafts)
