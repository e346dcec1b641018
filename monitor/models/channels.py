"""Where people are told, what is told them, and how each telling went."""

from datetime import datetime, timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models

from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import new_uuid7
from monitor.models.alerts import Severity
from monitor.models.tenants import Organization
from monitor.models.webhooks import UNFINISHED, DeliveryStatus, Trigger

MAX_TITLE_CHARS = 300
MAX_ERROR_CHARS = 500


class Subject(models.TextChoices):
    """What a notification is about."""

    ALERT = "alert", "Alerts"
    MONITOR = "monitor", "Monitors"
    CHANNEL = "channel", "Channels"
    TEST = "test", "Tests"


# What a channel may choose by: trouble with a channel goes to another one, whatever that one chose.
CHOSEN = (Subject.ALERT, Subject.MONITOR)


class ChannelQuerySet(models.QuerySet["NotificationChannel"]):
    def visible_to(self, actor: Actor, scope: Scope = Scope.READ) -> Self:
        """Those of the actor's organizations. A service's own key sees none: they hear of every service."""
        if actor.service_id is not None:
            return self.none()
        return self.filter(organization__in=actor.organizations(scope))

    def with_last_test(self) -> Self:
        """Adds `last_test`, the state of the newest test; null without one."""
        tests = NotificationDelivery.objects.filter(channel=models.OuterRef("pk"), trigger=Trigger.TEST)
        return self.annotate(last_test=models.Subquery(tests.order_by("-id").values("status")[:1]))


class NotificationChannel(models.Model):
    """A way to tell people: its kind, the kind's options, and what it is told."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="notification_channels")
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=128)
    # The kind's options, secrets masked; `sealed` holds all of them when there are secrets.
    config = models.JSONField(default=dict)
    sealed = models.BinaryField(null=True, editable=False)
    is_active = models.BooleanField(default=True)
    # Is told what no other channel takes.
    is_default = models.BooleanField(default=False)
    # What it is told: of these alone, where any are named.
    services = ArrayField(models.UUIDField(), blank=True, default=list)
    severities = ArrayField(models.CharField(max_length=8, choices=Severity), blank=True, default=list)
    environments = ArrayField(models.CharField(max_length=64), blank=True, default=list)
    subjects = ArrayField(models.CharField(max_length=8, choices=Subject), blank=True, default=list)
    # Quiet hours by the clocks of a zone; over midnight when they end before they begin. Null: none.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    quiet_zone = models.CharField(max_length=64, blank=True, default="UTC")
    # Days that are quiet all day long: 0 is Monday.
    quiet_days = ArrayField(models.SmallIntegerField(), blank=True, default=list)
    critical_wakes = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    # How it does. Written by the sender.
    first_failure_at = models.DateTimeField(null=True, editable=False)
    last_failure_at = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    failures_in_row = models.PositiveIntegerField(default=0, editable=False)
    last_error = models.CharField(max_length=MAX_ERROR_CHARS, blank=True, default="", editable=False)
    failing_told_at = models.DateTimeField(null=True, editable=False)
    # It asked to be let alone until then.
    rests_until = models.DateTimeField(null=True, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        db_table = "notification_channel"
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=models.Q(is_default=True),
                name="notification_channel_one_default",
            ),
            models.CheckConstraint(
                condition=models.Q(quiet_from=None, quiet_until=None)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="notification_channel_quiet_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_failing(self) -> bool:
        return self.first_failure_at is not None


class Notification(models.Model):
    """Something that people are told, once for all the channels that take it."""

    KEPT = timedelta(days=30)

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+", db_index=False)
    subject = models.CharField(max_length=8, choices=Subject)
    # As its subject has it: firing, resolved, down, up, ...
    kind = models.CharField(max_length=16)
    severity = models.CharField(max_length=8, choices=Severity)
    service_id = models.UUIDField(null=True)
    environment = models.CharField(max_length=64, blank=True, default="")
    # The same for all that is told of one incident.
    key = models.CharField(max_length=300)
    # Whether it says that the incident is over.
    is_closing = models.BooleanField(default=False)
    title = models.CharField(max_length=MAX_TITLE_CHARS)
    message = models.CharField(max_length=1024)
    # What the layouts of all kinds are made of: see monitor.channels.message.
    details = models.JSONField(default=dict)
    # Requests that show what it speaks of; null until the sender has looked for them.
    samples = models.JSONField(null=True)
    happened_at = models.DateTimeField()

    class Meta:
        db_table = "notification"

    def __str__(self) -> str:
        return self.title


class NotificationDeliveryQuerySet(models.QuerySet["NotificationDelivery"]):
    def visible_to(self, actor: Actor, scope: Scope = Scope.READ) -> Self:
        if actor.service_id is not None:
            return self.none()
        return self.filter(organization__in=actor.organizations(scope))


class NotificationDelivery(models.Model):
    """One notification on its way to one channel."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, db_index=False, related_name="+")
    channel = models.ForeignKey(
        NotificationChannel, models.CASCADE, db_index=False, related_name="deliveries"
    )
    notification = models.ForeignKey(Notification, models.CASCADE, related_name="deliveries")
    # The notification's own: what is told of one incident is sent to a channel one after the other.
    key = models.CharField(max_length=300)
    is_closing = models.BooleanField(default=False)
    status = models.CharField(max_length=9, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    trigger = models.CharField(max_length=6, choices=Trigger, default=Trigger.AUTO)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    # Kept back until then, for quiet hours; null when it never was.
    held_until = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=MAX_ERROR_CHARS, blank=True, default="")

    objects = NotificationDeliveryQuerySet.as_manager()

    class Meta:
        db_table = "notification_delivery"
        verbose_name_plural = "notification deliveries"
        indexes = [
            models.Index(
                fields=["channel", "id"],
                condition=models.Q(status__in=UNFINISHED),
                name="notification_delivery_open",
            ),
            models.Index(fields=["organization", "-id"], name="notification_delivery_newest"),
            models.Index(fields=["channel", "-id"], name="notification_delivery_of_chan"),
            models.Index(fields=["organization", "key", "-id"], name="notification_delivery_of_key"),
            # All that was told of one rule: its keys begin with its id. Whatever the database's collation.
            models.Index(
                fields=["organization", "key"],
                name="notification_delivery_of_rule",
                opclasses=["uuid_ops", "varchar_pattern_ops"],
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="notification_delivery_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=DeliveryStatus.values),
                name="notification_delivery_status_known",
            ),
            # A row that waits without a moment would wait for ever.
            models.CheckConstraint(
                condition=~models.Q(status=DeliveryStatus.PENDING) | models.Q(next_attempt_at__isnull=False),
                name="notification_delivery_is_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id} to {self.channel_id}"

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED

    def is_held(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until > now and not self.attempts


class NotificationAttempt(models.Model):
    """One try to tell, and what came back. Never changed."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    delivery = models.ForeignKey(NotificationDelivery, models.CASCADE, db_index=False, related_name="tries")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.FloatField()
    # Of the last call that it took; null where no answer came, and for mail.
    status_code = models.PositiveSmallIntegerField(null=True)
    # Empty when it was told.
    error_class = models.CharField(max_length=16, blank=True, default="")
    error = models.CharField(max_length=MAX_ERROR_CHARS, blank=True, default="")
    is_permanent = models.BooleanField(default=False)
    answer = models.TextField(blank=True, default="")

    class Meta:
        db_table = "notification_attempt"
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="notification_attempt_number")
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}"
