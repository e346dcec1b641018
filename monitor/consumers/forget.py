"""Forget a consumer: nothing that is kept tells any more who it was.

The row stays under a name that says nothing, and so do its numbers: rollups equal the logs by its id, and
an id alone is nobody.
"""

from datetime import datetime

from django.db import transaction

from monitor.alerts.forgetting import forget_names as forget_in_alerts
from monitor.audit import unrecorded
from monitor.consumers import tasks
from monitor.consumers.erase import seal_names
from monitor.ingest.naming import forget_names
from monitor.models import Consumer, ConsumerErasure


class AlreadyForgotten(Exception):
    """There is nobody left to forget."""


@transaction.atomic
def forget(consumer: Consumer, *, asked_by: str, now: datetime) -> ConsumerErasure:
    """The receipt. The name goes at once, what the logs hold by task. Raises AlreadyForgotten."""
    nameless = {"identifier": f"forgotten-{consumer.id.hex[-12:]}", "name": "", "group": ""}
    names = {consumer.identifier, consumer.name or consumer.identifier, str(consumer)}
    there = Consumer.objects.remembered().filter(id=consumer.id)
    if not there.update(**nameless, is_hidden=True, forgotten_at=now):
        raise AlreadyForgotten
    consumer.refresh_from_db()
    # A rule that names it changes here, and before and after would stand in the audit log for good.
    with unrecorded():
        forget_in_alerts(consumer.organization_id, names, instead=consumer.identifier)
    erasure = ConsumerErasure.objects.create(
        consumer=consumer,
        asked_by=asked_by,
        asked_at=now,
        sealed_names=seal_names(names),
    )
    # Its row joins this transaction, so the name goes and the job arrives together.
    tasks.erase_consumer.defer(consumer_id=str(consumer.id))
    # Other processes let the name go by its age.
    transaction.on_commit(forget_names)
    return erasure
