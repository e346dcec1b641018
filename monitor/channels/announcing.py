"""The front door: notifications and their deliveries come about in the caller's transaction or not at all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from monitor.channels.looking import Look
from monitor.channels.routing import Recipient, Step, recipients
from monitor.lib.ids import uuid7_at
from monitor.lib.kept_text import storable
from monitor.models import Notification, NotificationChannel, NotificationDelivery
from monitor.models.alerts import Severity
from monitor.models.channels import MAX_TITLE_CHARS, Subject
from monitor.models.webhooks import DeliveryStatus, Trigger

MAX_MESSAGE_CHARS = 1024
# How far back is looked for who was told that an incident began.
MOST_HEARD = 500


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """Something that people are to be told. `key` is the same for all that is told of one incident."""

    organization_id: UUID
    subject: Subject
    kind: str
    severity: str = Severity.WARNING
    service_id: UUID | None = None
    environment: str = ""
    key: str
    is_closing: bool = False
    title: str
    message: str
    happened_at: datetime
    facts: Sequence[tuple[str, str]] = ()
    links: Sequence[tuple[str, str]] = ()
    look: Look | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def announce(announcements: Sequence[Announcement]) -> int:
    """Tell the channels that take them, in this transaction; they are sent when it is committed.

    Gives how many deliveries that makes. What no channel takes leaves nothing behind.
    """
    if not announcements:
        return 0
    channels = channels_of({each.organization_id for each in announcements})
    if not channels:
        return 0
    heard = heard_by(each for each in announcements if each.is_closing)
    told, deliveries = [], []
    for each in announcements:
        mine = channels[each.organization_id]
        to = recipients(each, mine, heard=heard.get((each.organization_id, each.key), {}))
        is_over_unheard = [recipient for recipient in to if recipient.step == Step.CANCEL]
        if is_over_unheard:
            to = [recipient for recipient in to if not called_off(each, recipient)]
        if to:
            notification = notification_of(each)
            told.append(notification)
            deliveries += [delivery_of(notification, recipient) for recipient in to]
    Notification.objects.bulk_create(told)
    NotificationDelivery.objects.bulk_create(deliveries)
    return len(deliveries)


def announce_to(
    channels: Iterable[NotificationChannel], announcement: Announcement
) -> list[NotificationDelivery]:
    """The same to these channels, whatever they choose to hear of, and at once."""
    notification = notification_of(announcement)
    notification.save(force_insert=True)
    trigger = Trigger.TEST if announcement.subject == Subject.TEST else Trigger.AUTO
    deliveries = [
        delivery_of(notification, Recipient(channel_id=each.id, at=announcement.happened_at), trigger=trigger)
        for each in channels
    ]
    return NotificationDelivery.objects.bulk_create(deliveries)


def channels_of(organization_ids: set[UUID]) -> dict[UUID, list[NotificationChannel]]:
    found: dict[UUID, list[NotificationChannel]] = defaultdict(list)
    rows = NotificationChannel.objects.filter(organization__in=organization_ids, is_active=True)
    for channel in rows.defer("config", "sealed").order_by("id"):
        found[channel.organization_id].append(channel)
    return found


def heard_by(closing: Iterable[Announcement]) -> dict[tuple[UUID, str], dict[UUID, bool]]:
    """Which channels heard of the incidents that end now, and whether any of it has left already."""
    keys = {(each.organization_id, each.key) for each in closing}
    found: dict[tuple[UUID, str], dict[UUID, bool]] = defaultdict(dict)
    if not keys:
        return found
    rows = NotificationDelivery.objects.filter(
        organization__in={organization for organization, _ in keys}, key__in={key for _, key in keys}
    ).order_by("-id")
    over: set[tuple[UUID, str]] = set()
    for organization_id, key, channel_id, is_closing, status, attempts, held_until in rows.values_list(
        "organization_id", "key", "channel_id", "is_closing", "status", "attempts", "held_until"
    )[:MOST_HEARD]:
        incident = (organization_id, key)
        # What comes before an end is of an incident before: a monitor's key is the same for all of its own.
        over |= {incident} if is_closing else set()
        if incident not in over:
            has_left = attempts > 0 or status != DeliveryStatus.PENDING or held_until is None
            found[incident][channel_id] = found[incident].get(channel_id, False) or has_left
    return found


def called_off(each: Announcement, recipient: Recipient) -> bool:
    """Take back what waits for quiet hours to end: the incident is over, and nobody was told that it began.

    False when the sender was quicker, and its end has to be told after all.
    """
    if recipient.step != Step.CANCEL:
        return False
    waiting = NotificationDelivery.objects.filter(
        channel_id=recipient.channel_id,
        key=each.key,
        status=DeliveryStatus.PENDING,
        attempts=0,
        held_until__isnull=False,
    )
    return bool(
        waiting.update(status=DeliveryStatus.CANCELLED, finished_at=each.happened_at, next_attempt_at=None)
    )


def notification_of(each: Announcement) -> Notification:
    details = {
        "facts": [list(fact) for fact in each.facts],
        "links": [list(link) for link in each.links],
        "look": msgspec.to_builtins(each.look) if each.look else None,
        "values": dict(each.values),
    }
    return Notification(
        id=uuid7_at(each.happened_at),
        organization_id=each.organization_id,
        subject=each.subject,
        kind=each.kind,
        severity=each.severity,
        service_id=each.service_id,
        environment=each.environment,
        key=each.key[:300],
        is_closing=each.is_closing,
        title=storable(each.title)[:MAX_TITLE_CHARS],
        message=storable(each.message)[:MAX_MESSAGE_CHARS],
        details=msgspec.to_builtins(details),
        samples=None if each.look else [],
        happened_at=each.happened_at,
    )


def delivery_of(
    notification: Notification, recipient: Recipient, *, trigger: Trigger = Trigger.AUTO
) -> NotificationDelivery:
    at = notification.happened_at
    return NotificationDelivery(
        organization_id=notification.organization_id,
        channel_id=recipient.channel_id,
        notification=notification,
        key=notification.key,
        is_closing=notification.is_closing,
        trigger=trigger,
        created_at=at,
        next_attempt_at=recipient.at,
        held_until=recipient.at if recipient.at > at else None,
    )
