"""Take notifications that are due: each by one sender, few for each channel, and one incident in its order.

A claim is a lease: it is committed before anything is sent. Its sender renews it while the attempt runs, so
that it can be short: what a sender was killed over is sent again half a minute later.
"""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from monitor.api.errors import DATABASE_AWAY
from monitor.channels.looking import samples_of
from monitor.channels.message import Message, message_of
from monitor.channels.sending import LATE_AFTER, Job
from monitor.models import Notification, NotificationDelivery
from monitor.models.webhooks import DeliveryStatus

logger = logging.getLogger(__name__)
LEASE = timedelta(seconds=30)
# Under way to one channel at once: one that hangs holds no more slots than these.
MOST_AT_ONCE = 2
CLAIM_LOCK = 0x6E746679
# A look takes two seconds at most; a lease has to outlast all of a claim's.
LOOKS_TOGETHER_S = 5.0

# What was told of an incident before has to be over first: that it ended must not come before that it began.
CLAIM = """
WITH waiting AS (
    SELECT DISTINCT channel_id FROM notification_delivery
    WHERE status = 'pending' AND next_attempt_at <= %(now)s
), room AS MATERIALIZED (
    SELECT c.id, %(most)s - (
        SELECT count(*) FROM notification_delivery l WHERE l.channel_id = c.id AND l.status = 'leased'
    ) AS places
    FROM waiting JOIN notification_channel c ON c.id = waiting.channel_id
    WHERE c.is_active AND (c.rests_until IS NULL OR c.rests_until <= %(now)s)
), due AS (
    SELECT d.* FROM room CROSS JOIN LATERAL (
        SELECT w.id, w.attempts >= %(late_after)s AS is_late FROM notification_delivery w
        WHERE w.channel_id = room.id AND w.status = 'pending' AND w.next_attempt_at <= %(now)s
          AND (w.attempts < %(late_after)s OR %(late)s > 0)
          AND NOT EXISTS (
              SELECT FROM notification_delivery e WHERE e.channel_id = w.channel_id AND e.key = w.key
              AND e.status IN ('pending', 'leased') AND e.id < w.id)
        ORDER BY w.id LIMIT greatest(room.places, 0) FOR UPDATE SKIP LOCKED
    ) d
), chosen AS (
    SELECT id FROM (
        SELECT id, is_late, row_number() OVER (PARTITION BY is_late ORDER BY id) AS place FROM due
    ) ranked
    WHERE NOT is_late OR place <= %(late)s ORDER BY is_late, id LIMIT %(free)s
)
UPDATE notification_delivery d SET status = 'leased', lease_id = %(lease)s, lease_until = %(until)s,
    attempts = attempts + 1
FROM chosen WHERE d.id = chosen.id RETURNING d.id
"""


def claim(*, free: int, late: int, now: datetime) -> list[Job]:
    """Up to `free` deliveries that are due, of which at most `late` have failed before; they are the caller's
    until the lease ends."""
    lease = uuid4()
    parameters: dict[str, Any] = {
        "free": free,
        "late": late,
        "now": now,
        "lease": lease,
        "until": now + LEASE,
        "most": MOST_AT_ONCE,
        "late_after": LATE_AFTER,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # Senders claim one after the other, so what a channel's limit leaves is counted once.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
        cursor.execute(CLAIM, parameters)
        ids = [id_ for (id_,) in cursor.fetchall()]
    return jobs_of(ids)


def jobs_of(delivery_ids: Iterable[UUID]) -> list[Job]:
    """What it takes to send these, with the requests that show what they speak of."""
    rows = NotificationDelivery.objects.filter(id__in=list(delivery_ids)).select_related(
        "channel", "notification", "organization"
    )
    found = list(rows.order_by("id"))
    look_for_samples({row.notification_id: row.notification for row in found})
    samples = {row.notification_id: row.notification.samples for row in found if row.notification.samples}
    for row in found:
        row.notification.samples = samples.get(row.notification_id, row.notification.samples)
    return [job_of(row) for row in found]


def look_for_samples(notifications: dict[UUID, Notification]) -> None:
    """Now, and not while the rule is judged: a slow look would hold up all other rules. Within one time for
    all of them: meanwhile nobody renews leases, and another sender would tell once more what is under way."""
    until = time.monotonic() + LOOKS_TOGETHER_S
    for told in notifications.values():
        if told.samples is None and time.monotonic() < until:
            told.samples = samples_or_none(told)
            told.save(update_fields=["samples"])


def samples_or_none(told: Notification) -> list[dict[str, Any]]:
    """None where what is looked for cannot be read: it is told without requests sooner than not at all."""
    try:
        return samples_of(told.details.get("look"))
    except DATABASE_AWAY:
        raise
    except Exception:  # the message goes out without samples, rather than not at all
        logger.exception("Requests for notification %s could not be looked for", told.id)
        return []


def job_of(row: NotificationDelivery) -> Job:
    channel = row.channel
    message, fault = laid_out(row)
    return Job(
        delivery_id=row.id,
        lease_id=row.lease_id or uuid4(),
        channel_id=channel.id,
        kind=channel.kind,
        config=channel.config,
        sealed=bytes(channel.sealed) if channel.sealed is not None else None,
        message=message,
        number=row.attempts,
        trigger=row.trigger,
        fault=fault,
    )


def laid_out(row: NotificationDelivery) -> tuple[Message | None, str]:
    """The message, or why there is none: one that another version kept, say. It is the fault of this one, and
    must not keep the sender from all others."""
    try:
        return message_of(row.notification, organization=row.organization.name), ""
    except Exception as error:
        logger.exception("Notification %s cannot be laid out", row.notification_id)
        return None, f"What was kept of this notification cannot be read: {type(error).__name__}."


def renew(jobs: Iterable[Job], *, now: datetime) -> None:
    """Their attempts still run."""
    mine = {job.delivery_id: job.lease_id for job in jobs}
    rows = NotificationDelivery.objects.filter(
        id__in=list(mine), lease_id__in=set(mine.values()), status=DeliveryStatus.LEASED
    )
    rows.update(lease_until=now + LEASE)


def lapsed(*, now: datetime) -> list[Job]:
    """Deliveries whose sender did not live to say what became of them."""
    rows = NotificationDelivery.objects.filter(status=DeliveryStatus.LEASED, lease_until__lt=now)
    return jobs_of(rows.order_by("id").values_list("id", flat=True)[:200])
