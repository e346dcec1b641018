"""Make, change and remove channels; send a test; send again by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from monitor.channels.announcing import Announcement, announce_to
from monitor.channels.config import completed, put_config
from monitor.channels.registry import kind_named
from monitor.models import NotificationChannel, NotificationDelivery
from monitor.models.alerts import Severity
from monitor.models.channels import Subject
from monitor.models.webhooks import DeliveryStatus, Trigger


class ChannelGone(Exception):
    """The channel was removed meanwhile."""


class CannotSend(Exception):
    """Why it cannot be sent now."""


@transaction.atomic
def make_channel(
    channel: NotificationChannel, config: Mapping[str, Any], *, is_default: bool | None = None
) -> tuple[NotificationChannel, str]:
    """The channel, saved, and a secret that was made for it, empty for none. Raises BadConfig.

    The first channel of an organization is its default unless that is said otherwise: a notification that no
    channel takes is one that nobody reads.
    """
    others = NotificationChannel.objects.select_for_update().filter(organization=channel.organization)
    has_default = any(each.is_default for each in others)
    whole, secret = completed(config, kind=kind_named(channel.kind))
    put_config(channel, whole)
    channel.is_default = not has_default if is_default is None else is_default
    if channel.is_default:
        others.filter(is_default=True).update(is_default=False)
    channel.save(force_insert=True)
    return channel, secret


@transaction.atomic
def change_channel(
    channel: NotificationChannel,
    fields: Mapping[str, Any],
    config: Mapping[str, Any] | None,
    *,
    now: datetime,
) -> NotificationChannel:
    """The channel with these fields, as saved. Raises BadConfig and ChannelGone."""
    current = locked(channel.id)
    for name, value in fields.items():
        setattr(current, name, value)
    changed = [*fields, "updated_at"]
    if config is not None:
        put_config(current, config)
        changed += ["config", "sealed"]
    if fields.get("is_default"):
        others = NotificationChannel.objects.filter(organization_id=current.organization_id, is_default=True)
        others.exclude(id=current.id).update(is_default=False)
    if fields.get("is_active") is False:
        call_off(current, now=now)
    current.save(update_fields=changed)
    return current


def locked(channel_id: UUID) -> NotificationChannel:
    found = NotificationChannel.objects.select_for_update().filter(id=channel_id).first()
    if found is None:
        raise ChannelGone
    return found


def call_off(channel: NotificationChannel, *, now: datetime) -> None:
    """What waits for a channel that is switched off would be old news when it is on again."""
    waiting = NotificationDelivery.objects.filter(channel=channel, status=DeliveryStatus.PENDING)
    waiting.update(status=DeliveryStatus.CANCELLED, finished_at=now, next_attempt_at=None)


def remove_channel(channel: NotificationChannel) -> None:
    """The channel with its options and its log."""
    channel.delete()


@transaction.atomic
def send_test(channel: NotificationChannel, *, sent_by: str, now: datetime) -> NotificationDelivery:
    """A test to this channel alone, tried once. Raises CannotSend and ChannelGone."""
    current = locked(channel.id)
    if not current.is_active:
        raise CannotSend("The channel is switched off; switch it on first.")
    test = Announcement(
        organization_id=current.organization_id,
        subject=Subject.TEST,
        kind="test",
        severity=Severity.INFO,
        key=f"test:{current.id}:{now.timestamp():.6f}",
        title=f"Test of {current.name}",
        message="Notifications arrive. Nothing happened, and nothing has to be done.",
        happened_at=now,
        facts=[("Channel", current.name), ("Sent by", sent_by)],
        links=[("Channel", f"{settings.PUBLIC_URL}/channels/{current.id}")],
        values={"channel": current.name},
    )
    return announce_to([current], test)[0]


def retry(delivery: NotificationDelivery, *, now: datetime) -> NotificationDelivery:
    """Send it again, now: one attempt more, and the schedule goes on after it. Raises CannotSend."""
    mine = NotificationDelivery.objects.filter(id=delivery.id, channel__is_active=True)
    mine = mine.exclude(status=DeliveryStatus.LEASED)
    if not mine.update(
        status=DeliveryStatus.PENDING, trigger=Trigger.MANUAL, next_attempt_at=now, finished_at=None
    ):
        raise CannotSend("It is being sent right now, or its channel is off.")
    delivery.refresh_from_db()
    return delivery
