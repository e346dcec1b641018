"""Who is told of events, and how each telling went."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from monitor.lib import masking
from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import new_uuid7
from monitor.lib.kept_text import RULES
from monitor.models.events import MAX_TYPE_CHARS, Event
from monitor.models.keys import Mode
from monitor.models.tenants import Organization

MAX_URL_CHARS = 2048


class Told(Protocol):
    """An event as an endpoint chooses by it."""

    @property
    def organization_id(self) -> UUID: ...
    @property
    def type(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def environment(self) -> str: ...


class SignatureScheme(models.TextChoices):
    """How deliveries are signed, as Standard Webhooks names it."""

    SHARED = "v1", "v1: HMAC-SHA256, with a secret that both sides know"
    KEY_PAIR = "v1a", "v1a: Ed25519, with a key that we keep; receivers need the public one"


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def alive(self) -> Self:
        return self.filter(deleted_at=None)

    def listening(self) -> Self:
        """Those that new events go to."""
        return self.filter(deleted_at=None, disabled_at=None)

    def visible_to(self, actor: Actor, scope: Scope = Scope.READ) -> Self:
        """Those of the actor's organizations. A service's own key sees none: they hear of every service."""
        if actor.service_id is not None:
            return self.none()
        return self.filter(organization__in=actor.organizations(scope))


class WebhookEndpoint(models.Model):
    """An address that events are sent to."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField("URL", max_length=MAX_URL_CHARS)
    description = models.CharField(max_length=512, blank=True, default="")
    # Types of events, or patterns that end with .*; one star alone is everything.
    enabled_events = ArrayField(models.CharField(max_length=MAX_TYPE_CHARS))
    mode = models.CharField(max_length=4, choices=Mode, default=Mode.LIVE)
    # Empty: whatever environment an event speaks of.
    environment = models.CharField(max_length=64, blank=True, default="")
    # Null: as fast as it answers.
    rate_limit_per_minute = models.PositiveIntegerField(null=True, blank=True)
    # Headers of the owner, as sealed JSON: they may carry a password.
    sealed_headers = models.BinaryField(null=True, blank=True, editable=False)
    header_names = ArrayField(models.CharField(max_length=128), default=list, blank=True, editable=False)
    api_version = models.CharField(max_length=10)
    # Of the secrets that are made from now on; each secret tells its own by its prefix.
    signature = models.CharField(
        max_length=3,
        choices=SignatureScheme,
        default=SignatureScheme.SHARED,
        db_default=SignatureScheme.SHARED,
    )
    # Of the newest key pair, as receivers paste it; empty where the newest secret is shared.
    public_key = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_reason = models.CharField(max_length=200, blank=True, default="", editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    # How it does. Written by the deliverer.
    first_failure_at = models.DateTimeField(null=True, editable=False)
    last_failure_at = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    failures_in_row = models.PositiveIntegerField(default=0, editable=False)
    last_error_class = models.CharField(max_length=16, blank=True, default="", editable=False)
    failing_told_at = models.DateTimeField(null=True, editable=False)
    # The moment up to which its rate limit is used up (GCRA).
    limit_until = models.DateTimeField(null=True, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        db_table = "webhook_endpoint"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(mode__in=Mode.values), name="webhook_endpoint_mode_known"
            ),
            models.CheckConstraint(
                condition=models.Q(enabled_events__len__gt=0), name="webhook_endpoint_wants_something"
            ),
        ]

    def __str__(self) -> str:
        return self.shown_url

    @property
    def shown_url(self) -> str:
        """The URL without what lets one in, for all who may not change it."""
        return masking.mask_url(self.url, rules=RULES)

    @property
    def is_active(self) -> bool:
        return self.disabled_at is None and self.deleted_at is None

    def wants(self, event: Told) -> bool:
        return (
            event.organization_id == self.organization_id
            and event.mode == self.mode
            and self.environment in ("", event.environment)
            and not patterns_of(event.type).isdisjoint(self.enabled_events)
        )


def patterns_of(type_: str) -> set[str]:
    """All that an endpoint may have enabled to hear of this type: alert.firing, alert.* and *."""
    words = type_.split(".")
    return {"*", type_, *(".".join(words[:count]) + ".*" for count in range(1, len(words)))}


class WebhookSecret(models.Model):
    """What deliveries are signed with. While a secret is being changed, the old one signs too."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="secrets")
    sealed = models.BinaryField()
    created_at = models.DateTimeField()
    # Null for the newest, which has no end.
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhook_secret"
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"], condition=models.Q(expires_at=None), name="webhook_secret_newest_once"
            )
        ]

    def __str__(self) -> str:
        return f"secret of {self.endpoint_id}"


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", "Waiting"
    LEASED = "leased", "Being sent"
    SUCCEEDED = "succeeded", "Delivered"
    DEAD = "dead", "Given up"
    CANCELLED = "cancelled", "Cancelled"
    BLOCKED = "blocked", "Not allowed"


UNFINISHED = (DeliveryStatus.PENDING, DeliveryStatus.LEASED)
# Of which one may want to have it sent again.
FAILED = (DeliveryStatus.DEAD, DeliveryStatus.BLOCKED, DeliveryStatus.CANCELLED)


class Trigger(models.TextChoices):
    AUTO = "auto", "By schedule"
    MANUAL = "manual", "By hand"
    REPLAY = "replay", "Sent again"
    TEST = "test", "Test"


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def visible_to(self, actor: Actor, scope: Scope = Scope.READ) -> Self:
        if actor.service_id is not None:
            return self.none()
        return self.filter(organization__in=actor.organizations(scope))

    def fan_out(
        self,
        events: Iterable[Event],
        *,
        endpoints: Iterable[WebhookEndpoint],
        now: datetime,
    ) -> None:
        """A delivery of each event to each of the endpoints that wants it, in the caller's transaction."""
        listening = list(endpoints)
        rows = [
            WebhookDelivery(
                organization_id=event.organization_id,
                endpoint=endpoint,
                event=event,
                event_type=event.type,
                created_at=now,
                next_attempt_at=now,
            )
            for event in events
            for endpoint in listening
            if endpoint.wants(event)
        ]
        WebhookDelivery.objects.bulk_create(rows, batch_size=2_000)


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, db_index=False, related_name="+")
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, db_index=False, related_name="deliveries")
    event = models.ForeignKey(Event, models.CASCADE, db_index=False, related_name="deliveries")
    # The event's own, so that a list needs no look at its body's table.
    event_type = models.CharField(max_length=MAX_TYPE_CHARS)
    status = models.CharField(max_length=9, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    # Of the attempt that is due.
    trigger = models.CharField(max_length=6, choices=Trigger, default=Trigger.AUTO)
    attempts = models.PositiveIntegerField(default=0)
    # Of the attempts, those that the schedule made: one by hand uses none of them up.
    steps = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    # While an attempt by hand is under way: when the schedule goes on after it. Null: it had ended.
    resumes_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    last_status_code = models.PositiveSmallIntegerField(null=True)
    last_error_class = models.CharField(max_length=16, blank=True, default="")
    # The delivery that failed before, when this one sends its event again; it may be too old to be kept.
    replay_of = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="replays"
    )

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        db_table = "webhook_delivery"
        verbose_name_plural = "webhook deliveries"
        indexes = [
            # By endpoint first, as the claim takes some of each: what waits for a slow one is stepped over.
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=models.Q(status=DeliveryStatus.PENDING),
                name="webhook_delivery_due",
            ),
            models.Index(
                fields=["endpoint", "lease_until"],
                condition=models.Q(status=DeliveryStatus.LEASED),
                name="webhook_delivery_leased",
            ),
            models.Index(fields=["organization", "-id"], name="webhook_delivery_newest"),
            models.Index(fields=["endpoint", "-id"], name="webhook_delivery_of_endpoint"),
            models.Index(
                fields=["endpoint", "-id"],
                condition=models.Q(status__in=FAILED),
                name="webhook_delivery_failed",
            ),
            models.Index(
                fields=["replay_of"],
                condition=models.Q(replay_of__isnull=False),
                name="webhook_delivery_replay",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "endpoint", "replay_of"],
                nulls_distinct=False,
                name="webhook_delivery_once",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=DeliveryStatus.values), name="webhook_delivery_status_known"
            ),
            # A row that waits without a moment would wait for ever.
            models.CheckConstraint(
                condition=~models.Q(status=DeliveryStatus.PENDING) | models.Q(next_attempt_at__isnull=False),
                name="webhook_delivery_pending_is_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} to {self.endpoint_id}"

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED


class WebhookAttempt(models.Model):
    """One try to deliver, and what came back. Never changed."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, db_index=False, related_name="tries")
    number = models.PositiveIntegerField()
    trigger = models.CharField(max_length=6, choices=Trigger)
    started_at = models.DateTimeField()
    duration_ms = models.FloatField()
    status_code = models.PositiveSmallIntegerField(null=True)
    # Empty when it was delivered.
    error_class = models.CharField(max_length=16, blank=True, default="")
    error = models.CharField(max_length=500, blank=True, default="")
    dialled = models.GenericIPAddressField(null=True)
    response_headers = models.JSONField(default=dict)
    response_body = models.TextField(blank=True, default="")
    response_truncated = models.BooleanField(default=False)

    class Meta:
        db_table = "webhook_attempt"
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_number_once")
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}"


def failed_of(endpoint_id: UUID) -> models.QuerySet[WebhookDelivery]:
    """Deliveries to the endpoint that ended without success. One that was sent again is left out: what became
    of it stands with the one that was made for it. So asking twice sends each once."""
    again = WebhookDelivery.objects.filter(replay_of=models.OuterRef("pk"))
    return WebhookDelivery.objects.filter(~models.Exists(again), endpoint_id=endpoint_id, status__in=FAILED)
