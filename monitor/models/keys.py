"""What services authenticate with."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import new_uuid7
from monitor.models.limits import MAX_A_MINUTE
from monitor.models.services import Service
from monitor.models.tenants import Organization

# Often enough to tell a live key from a forgotten one, rare enough not to write with every log.
LAST_USED_RESOLUTION = timedelta(minutes=1)
A_MINUTE = [MinValueValidator(1), MaxValueValidator(MAX_A_MINUTE)]


class Mode(models.TextChoices):
    LIVE = "live", "Live"
    TEST = "test", "Test"


class KeyKind(models.TextChoices):
    """What a key looks like, which its bearer decides: clients of others take none but their own form."""

    OWN = "own", "API key"
    CLIENT_ID = "client_id", "Apitally 0.x client ID"
    WRITE_TOKEN = "token", "Apitally 1.x write token"


def default_scopes() -> list[str]:
    """What a service needs to report and to debug itself. Managing is given on purpose only."""
    return [Scope.INGEST, Scope.READ, Scope.REPLAY]


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(service__in=Service.objects.visible_to(actor))

    def usable(self, now: datetime) -> Self:
        not_expired = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        service_there = models.Q(service=None) | models.Q(service__deleted_at=None)
        return self.filter(not_expired, service_there, revoked_at=None)


class ApiKey(models.Model):
    """A key's digest and what it may do. The key itself is shown once and kept nowhere."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="keys")
    service = models.ForeignKey(Service, models.CASCADE, null=True, blank=True, related_name="keys")
    name = models.CharField(max_length=128)
    prefix = models.CharField(max_length=24, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=16, choices=[(scope, scope.value) for scope in Scope]),
        default=default_scopes,
    )
    mode = models.CharField(max_length=4, choices=Mode, default=Mode.LIVE)
    kind = models.CharField(max_length=9, choices=KeyKind, default=KeyKind.OWN, db_default=KeyKind.OWN)
    # The version of the API it is answered in where a request names none; empty: the newest.
    api_version = models.CharField(max_length=10, blank=True, default="", db_default="")

    # Of this key alone, beside what holds for its organization. Null: as its plan or the settings say.
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=A_MINUTE)
    logs_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=A_MINUTE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        db_table = "api_key"
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(condition=models.Q(mode__in=Mode.values), name="api_key_mode_known"),
            models.CheckConstraint(condition=models.Q(kind__in=KeyKind.values), name="api_key_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_active(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def touch(self, now: datetime) -> None:
        """Remember the use, at most once a minute; of two processes at once, one writes."""
        if self.last_used_at is None or self.last_used_at < now - LAST_USED_RESOLUTION:
            ApiKey.objects.filter(id=self.id, last_used_at=self.last_used_at).update(last_used_at=now)
