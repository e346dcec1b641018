"""Who is told what status pages say, and how each telling went."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.utils import timezone

from monitor.lib.ids import new_uuid7
from monitor.models.channels import MAX_ERROR_CHARS
from monitor.models.status_pages import StatusIncident, StatusPage
from monitor.models.webhooks import UNFINISHED, DeliveryStatus


class SubscriberKind(models.TextChoices):
    EMAIL = "email", "Email"
    WEBHOOK = "webhook", "Webhook"


class SubscriberQuerySet(models.QuerySet["StatusSubscriber"]):
    def confirmed(self) -> Self:
        return self.filter(confirmed_at__isnull=False)

    def pending(self) -> Self:
        """Those who were asked whether they meant it, and have not said so yet."""
        return self.filter(confirmed_at=None)


class StatusSubscriber(models.Model):
    """An address that is told what a page says, once its owner said yes. Whoever leaves is removed."""

    # How long a question waits for its answer.
    PENDING_FOR = timedelta(hours=48)

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    page = models.ForeignKey(StatusPage, models.CASCADE, db_index=False, related_name="subscribers")
    kind = models.CharField(max_length=8, choices=SubscriberKind)
    # The address of a stranger, or a URL that may be its own secret: sealed, and found by its fingerprint,
    # so that a copy of the database tells neither.
    sealed = models.BinaryField(editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    # What a webhook's calls are signed with, made when it was confirmed; null: of mail, and of before.
    sealed_secret = models.BinaryField(editable=False, null=True)
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    # Written by the sender.
    last_told_at = models.DateTimeField(null=True)
    # Tellings that were given up, one after the other.
    failures_in_row = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=MAX_ERROR_CHARS, blank=True, default="")

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        db_table = "status_subscriber"
        indexes = [
            models.Index(fields=["page", "-id"], name="status_subscriber_of_page"),
            models.Index(
                fields=["asked_at"],
                condition=models.Q(confirmed_at=None),
                name="status_subscriber_pending",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["page", "digest"], name="status_subscriber_once_a_page"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def state(self) -> str:
        """pending, active, or failing: the last telling was given up."""
        if self.confirmed_at is None:
            return "pending"
        return "failing" if self.failures_in_row else "active"

    @property
    def is_over(self) -> bool:
        """Whether the question waited too long."""
        return self.confirmed_at is None and self.asked_at < timezone.now() - self.PENDING_FOR


class NoticeKind(models.TextChoices):
    """What subscribers hear of."""

    OPENED = "incident.opened", "Incident"
    UPDATED = "incident.updated", "Update"
    RESOLVED = "incident.resolved", "Resolved"
    SCHEDULED = "maintenance.scheduled", "Maintenance is planned"
    STARTED = "maintenance.started", "Maintenance has begun"
    ENDED = "maintenance.ended", "Maintenance is over"


class StatusNotice(models.Model):
    """Something that a page said, as all its subscribers hear it."""

    # Longer than any window is looked at: what was told is known by its row.
    KEPT = timedelta(days=400)

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    page = models.ForeignKey(StatusPage, models.CASCADE, db_index=False, related_name="notices")
    # Removed with its incident, and with it what is not sent yet.
    incident = models.ForeignKey(StatusIncident, models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=24, choices=NoticeKind)
    # Told once: an update's id, or a maintenance's with its window.
    key = models.CharField(max_length=160)
    # The same for all that is told of one incident or window: letters of one make a thread.
    thread = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    # How it stands, in a word or two, and what was said, in Markdown.
    words = models.CharField(max_length=64)
    body = models.TextField(max_length=8192)
    # What programs are sent, but for what differs from one to the other.
    payload = models.JSONField(default=dict)
    happened_at = models.DateTimeField()

    class Meta:
        db_table = "status_notice"
        constraints = [models.UniqueConstraint(fields=["page", "key"], name="status_notice_told_once")]

    def __str__(self) -> str:
        return f"{self.title}: {self.words}"


class StatusDelivery(models.Model):
    """One notice on its way to one subscriber."""

    KEPT = timedelta(days=30)

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    subscriber = models.ForeignKey(
        StatusSubscriber, models.CASCADE, db_index=False, related_name="deliveries"
    )
    # Null: the question whether they meant it.
    notice = models.ForeignKey(StatusNotice, models.CASCADE, null=True, related_name="deliveries")
    status = models.CharField(max_length=9, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=MAX_ERROR_CHARS, blank=True, default="")

    class Meta:
        db_table = "status_delivery"
        verbose_name_plural = "status deliveries"
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(status=DeliveryStatus.PENDING),
                name="status_delivery_due",
            ),
            models.Index(
                fields=["subscriber", "id"],
                condition=models.Q(status__in=UNFINISHED),
                name="status_delivery_open",
            ),
            models.Index(fields=["subscriber", "-id"], name="status_delivery_of_subscriber"),
            models.Index(fields=["finished_at"], name="status_delivery_finished"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["notice", "subscriber"], name="status_delivery_once"),
            # A row that waits without a moment would wait for ever.
            models.CheckConstraint(
                condition=~models.Q(status=DeliveryStatus.PENDING) | models.Q(next_attempt_at__isnull=False),
                name="status_delivery_is_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id or 'question'} to {self.subscriber_id}"
