"""Write down what became of attempts, and say of a channel that fails that it does."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from monitor.audit import note_blocked
from monitor.channels.announcing import Announcement, announce_to
from monitor.channels.message import short
from monitor.channels.schedule import LONGEST_RETRY_AFTER, next_delay
from monitor.channels.sending import Outcome
from monitor.channels.way import OF_US
from monitor.lib.counting import count_notification
from monitor.mail import write_to_owners
from monitor.models import NotificationAttempt, NotificationChannel, NotificationDelivery
from monitor.models.alerts import Severity
from monitor.models.channels import Subject
from monitor.models.webhooks import DeliveryStatus, Trigger

# The jitter keeps services from being called by all at once; nothing is guarded by it.
DRAW = random.SystemRandom().random
# Failing for so long and so often, a channel is said to fail before anything is given up.
TOLD_AFTER = timedelta(minutes=10)
LEAST_FAILURES = 3
HEALTH_FIELDS = (
    "first_failure_at",
    "last_failure_at",
    "last_success_at",
    "failures_in_row",
    "last_error",
    "failing_told_at",
    "rests_until",
)


@transaction.atomic
def keep_outcomes(outcomes: Sequence[Outcome], *, now: datetime, draw: Callable[[], float] = DRAW) -> int:
    """Each delivery's next state, its attempt, and its channel's health. Gives how many were still ours:
    what lapsed meanwhile is somebody else's to answer for, and what was removed is nobody's."""
    ids = {outcome.job.channel_id for outcome in outcomes}
    locked = NotificationChannel.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id")
    channels = {channel.id: channel for channel in locked}
    kept = [
        outcome
        for outcome in outcomes
        if outcome.job.channel_id in channels and keep(outcome, now=now, draw=draw)
    ]
    NotificationAttempt.objects.bulk_create([attempt_of(outcome) for outcome in kept])
    for outcome in kept:
        channel = channels[outcome.job.channel_id]
        note_health(channel, outcome, now=now)
        if outcome.is_blocked:
            # Its address is sealed, as it often is a secret itself.
            note_blocked(
                organization_id=channel.organization_id,
                target_type="notification_channel",
                target_id=channel.id,
                target_label=channel.name,
            )
        # At once: of several that fail together, none is to be said to on one that fails.
        channel.save(update_fields=HEALTH_FIELDS)
        count_notification(outcome.job.kind, outcome.error_class or "told")
    return len(kept)


def keep(outcome: Outcome, *, now: datetime, draw: Callable[[], float]) -> bool:
    """Write the delivery's next state; False where the lease is no longer ours."""
    job = outcome.job
    status, at = verdict(outcome, now=now, draw=draw)
    mine = NotificationDelivery.objects.filter(
        id=job.delivery_id, lease_id=job.lease_id, status=DeliveryStatus.LEASED
    )
    return bool(
        mine.update(
            status=status,
            next_attempt_at=at,
            finished_at=now if at is None else None,
            lease_id=None,
            lease_until=None,
            last_error=outcome.error,
        )
    )


def verdict(
    outcome: Outcome, *, now: datetime, draw: Callable[[], float]
) -> tuple[DeliveryStatus, datetime | None]:
    """The delivery's next state, and when it is tried again. A test is tried once."""
    if outcome.is_told:
        return DeliveryStatus.SUCCEEDED, None
    if outcome.error_class == "blocked":
        return DeliveryStatus.BLOCKED, None
    if outcome.is_permanent or outcome.job.trigger == Trigger.TEST:
        return DeliveryStatus.DEAD, None
    delay = next_delay(outcome.job.number, retry_after=outcome.retry_after, draw=draw)
    return (DeliveryStatus.DEAD, None) if delay is None else (DeliveryStatus.PENDING, now + delay)


def attempt_of(outcome: Outcome) -> NotificationAttempt:
    return NotificationAttempt(
        delivery_id=outcome.job.delivery_id,
        number=outcome.job.number,
        started_at=outcome.started_at,
        duration_ms=outcome.duration_ms,
        status_code=outcome.status_code,
        error_class=outcome.error_class,
        error=outcome.error,
        is_permanent=outcome.is_permanent,
        answer=outcome.answer,
    )


# --- How a channel does ------------------------------------------------------------------------------------


def note_health(channel: NotificationChannel, outcome: Outcome, *, now: datetime) -> None:
    """Put the outcome into the channel's row. A test that fails says nothing of what it is told else, and an
    error of ours nothing of the channel."""
    if outcome.is_told:
        if channel.failing_told_at is not None:
            report(channel, now=now, is_over=True)
        channel.first_failure_at = channel.failing_told_at = channel.rests_until = None
        channel.failures_in_row, channel.last_error = 0, ""
        channel.last_success_at = now
        return
    is_ours = (outcome.error_class == "internal" and not outcome.is_permanent) or bool(outcome.job.fault)
    if outcome.job.trigger == Trigger.TEST or is_ours:
        return
    channel.first_failure_at = channel.first_failure_at or now
    channel.last_failure_at = now
    channel.failures_in_row += 1
    channel.last_error = outcome.error
    if outcome.retry_after:
        # All that waits for it waits so long: it is the channel that is asked too much of, not this delivery.
        channel.rests_until = now + min(outcome.retry_after, LONGEST_RETRY_AFTER)
    if channel.failing_told_at is None and is_failing(channel, outcome, now=now):
        channel.failing_told_at = now
        report(channel, now=now, is_over=False)


def is_failing(channel: NotificationChannel, outcome: Outcome, *, now: datetime) -> bool:
    is_lasting = (
        channel.first_failure_at is not None
        and now - channel.first_failure_at >= TOLD_AFTER
        and channel.failures_in_row >= LEAST_FAILURES
    )
    # A mail server that refuses us is asked again for hours; that it does is said at once.
    is_refused = outcome.error_class == OF_US and (outcome.status_code or 0) >= 500
    return outcome.is_permanent or is_refused or is_lasting


def report(channel: NotificationChannel, *, now: datetime, is_over: bool) -> None:
    """Say so on another channel, once: on the default, else on the oldest that does well, else by mail to the
    owners."""
    other, told = another(channel), about(channel, now=now, is_over=is_over)
    if other is not None:
        announce_to([other], told)
        return
    write_to_owners(
        channel.organization_id, subject=told.title, text=told.message, page=f"/channels/{channel.id}"
    )


def another(channel: NotificationChannel) -> NotificationChannel | None:
    well = NotificationChannel.objects.filter(
        organization_id=channel.organization_id, is_active=True, failing_told_at=None
    )
    return well.exclude(id=channel.id).order_by("-is_default", "first_failure_at", "id").first()


def about(channel: NotificationChannel, *, now: datetime, is_over: bool) -> Announcement:
    message = (
        f"Notifications arrive at {channel.name} again."
        if is_over
        else f"Notifications do not arrive at {channel.name}: {channel.last_error}"
    )
    return Announcement(
        organization_id=channel.organization_id,
        subject=Subject.CHANNEL,
        kind="recovered" if is_over else "failing",
        severity=Severity.WARNING,
        key=f"channel:{channel.id}",
        is_closing=is_over,
        title=f"{'Working again' if is_over else 'Failing'}: channel {short(channel.name, 200)}",
        message=message,
        happened_at=now,
        facts=[("Channel", channel.name), ("Kind", channel.kind)],
        links=[("Channel", channel_url(channel.id))],
        values={"channel": channel.name},
    )


def channel_url(channel_id: UUID) -> str:
    return f"{settings.PUBLIC_URL}/channels/{channel_id}"
