"""Let go of what was told too long ago, a few thousand rows at a time. What is not finished stays."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from monitor.channels.announcing import MAX_MESSAGE_CHARS
from monitor.lib.ids import uuid7_floor
from monitor.lib.mentions import sql_pattern, without_mentions
from monitor.models import Notification, NotificationAttempt
from monitor.models.channels import MAX_TITLE_CHARS

BATCH = 5_000
# Deliveries and attempts go with their notification, by plain statements: Django would load them all.
FORGET = """
WITH old AS MATERIALIZED (
    SELECT n.id FROM notification n WHERE n.id < %s AND NOT EXISTS (
        SELECT FROM notification_delivery d
        WHERE d.notification_id = n.id AND d.status IN ('pending', 'leased'))
    ORDER BY n.id LIMIT %s
), tries AS (
    DELETE FROM notification_attempt a USING notification_delivery d, old
    WHERE a.delivery_id = d.id AND d.notification_id = old.id
), deliveries AS (
    DELETE FROM notification_delivery d USING old WHERE d.notification_id = old.id
)
DELETE FROM notification n USING old WHERE n.id = old.id
"""
# Of one organization and a month, so there are few enough to be looked through.
NAMING = """
SELECT id FROM notification WHERE organization_id = %(organization)s
    AND concat_ws(' ', title, message, details::text, samples::text) ~* %(names)s ORDER BY id
"""


def forget_old(*, now: datetime) -> int:
    """How many notifications went."""
    gone = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(FORGET, [uuid7_floor(now - Notification.KEPT), BATCH])
            count = int(cursor.rowcount)
            gone += count
            if count < BATCH:
                return gone


def forget_names(organization_id: UUID, names: Collection[str], *, instead: str) -> None:
    """Put another name in the place of these in all that was told; harmless twice."""
    # As JSON writes them, too: the look goes through texts of it.
    written = {*names, *(json.dumps(name, ensure_ascii=False)[1:-1] for name in names)}
    with connection.cursor() as cursor:
        cursor.execute(NAMING, {"organization": organization_id, "names": sql_pattern(written)})
        ids = [id_ for (id_,) in cursor.fetchall()]
    for id_ in ids:
        forget_in(id_, names, instead=instead)


@transaction.atomic
def forget_in(notification_id: UUID, names: Collection[str], *, instead: str) -> None:
    # Locked: the sender may be about to add requests.
    told = Notification.objects.select_for_update().filter(id=notification_id).first()
    if told is None:
        return
    told.title = without_mentions(told.title, names, instead=instead)[:MAX_TITLE_CHARS]
    told.message = without_mentions(told.message, names, instead=instead)[:MAX_MESSAGE_CHARS]
    told.details = unnamed(told.details, names, instead=instead)
    told.samples = unnamed(told.samples, names, instead=instead)
    told.save(update_fields=["title", "message", "details", "samples"])
    for tried in NotificationAttempt.objects.filter(delivery__notification=told).exclude(answer=""):
        tried.answer = without_mentions(tried.answer, names, instead=instead)
        tried.save(update_fields=["answer"])


def unnamed(value: Any, names: Collection[str], *, instead: str) -> Any:
    """The value with all texts in it, however deep."""
    if isinstance(value, str):
        return without_mentions(value, names, instead=instead)
    if isinstance(value, list):
        return [unnamed(each, names, instead=instead) for each in value]
    if isinstance(value, dict):
        return {key: unnamed(each, names, instead=instead) for key, each in value.items()}
    return value
