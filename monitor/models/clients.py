"""What client libraries tell beside single requests: their instances, their own counts, their errors."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7
from monitor.models.keys import Mode
from monitor.models.services import Consumer, Endpoint, Service

# Clients report every minute at least, also when idle: three reports missed.
SILENT_AFTER = timedelta(seconds=180)


class InstanceQuerySet(models.QuerySet["Instance"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(service__in=Service.objects.visible_to(actor))

    def alive(self, now: datetime) -> Self:
        """Instances that have been heard lately enough to be running."""
        return self.heard_since(now - SILENT_AFTER)

    def heard_since(self, since: datetime) -> Self:
        return self.filter(last_seen_at__gte=since)

    def silent(self, now: datetime) -> Self:
        """Instances that have missed three reports."""
        return self.filter(last_seen_at__lt=now - SILENT_AFTER)


class Instance(models.Model):
    """One running process of an application that reports with a client library."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="instances")
    environment = models.CharField(max_length=64)
    mode = models.CharField(max_length=4, choices=Mode)
    # As the client names itself; a slot of a server usually keeps its name when it starts again.
    name = models.CharField(max_length=64)
    # `python:starlette`, and versions by package.
    client = models.CharField(max_length=64, default="")
    versions = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    # The last that was told: per process, so beyond 100 when it keeps several processors busy.
    cpu_percent = models.FloatField(null=True)
    memory_bytes = models.BigIntegerField(null=True)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        db_table = "instance"
        constraints = [
            models.UniqueConstraint(
                fields=["service", "environment", "mode", "name"], name="instance_once_per_environment"
            )
        ]
        indexes = [models.Index(fields=["last_seen_at"], name="instance_by_last_seen")]

    def __str__(self) -> str:
        return f"{self.client or 'client'} {self.name}"

    def is_silent(self, now: datetime) -> bool:
        return self.last_seen_at < now - SILENT_AFTER


class CountedDay(models.Model):
    """A UTC day on which clients sent their own counts of a service's environment.

    They count the same requests that logs tell of, so on such a day the numbers are theirs, and logs are
    not added to them.
    """

    pk = models.CompositePrimaryKey("service", "environment", "mode", "day")
    service = models.ForeignKey(Service, models.CASCADE, db_index=False, related_name="+")
    environment = models.CharField(max_length=64)
    mode = models.CharField(max_length=4, choices=Mode)
    day = models.DateField()

    class Meta:
        db_table = "counted_day"

    def __str__(self) -> str:
        return f"{self.environment} {self.day}"


class CountedSeries(models.Model):
    """What a process has told last of a count that only grows; see monitor.ingest.growing."""

    # SHA-256 over the service, what the process says of itself, what is counted, and since when.
    digest = models.BinaryField(primary_key=True, max_length=32)
    service = models.ForeignKey(Service, models.CASCADE, related_name="+")
    # The moment up to which it counts, in nanoseconds since 1970.
    until_ns = models.BigIntegerField()
    requests = models.BigIntegerField()
    latency_ms = models.FloatField()
    # Bytes of bodies and how many told them; null in rows from before they were told apart.
    request_bytes = models.BigIntegerField(null=True)
    response_bytes = models.BigIntegerField(null=True)
    request_sized = models.BigIntegerField(null=True)
    response_sized = models.BigIntegerField(null=True)
    # Counts by bucket, in msgpack.
    buckets = models.BinaryField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "counted_series"
        indexes = [models.Index(fields=["seen_at"], name="counted_series_by_age")]

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class ReceivedMessage(models.Model):
    """A message that was taken in: clients send it again, word for word, for up to an hour."""

    # SHA-256 over sender, address and what the client calls the message.
    digest = models.BinaryField(primary_key=True, max_length=32)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "received_message"
        indexes = [models.Index(fields=["received_at"], name="received_message_by_age")]

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class ErrorKind(models.TextChoices):
    VALIDATION = "validation", "Validation error"
    SERVER = "server", "Server error"


class ErrorCount(models.Model):
    """How often clients met one error at one endpoint, by consumer and UTC day.

    Clients count errors of requests that logs may tell of, too: the two are never added up.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="error_counts")
    environment = models.CharField(max_length=64)
    mode = models.CharField(max_length=4, choices=Mode)
    day = models.DateField()
    kind = models.CharField(max_length=10, choices=ErrorKind)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="+")
    consumer = models.ForeignKey(Consumer, models.SET_NULL, null=True, related_name="+")
    # SHA-256 over all that tells this row from others of its day; equal of equal errors on other days, too.
    fingerprint = models.BinaryField(max_length=32)
    # `ValueError`, `missing`: without the module of built-in types.
    type = models.CharField(max_length=256)
    message = models.TextField()
    # Where in the request a validation error is: `body.price`.
    field = models.CharField(max_length=512, default="")
    # Of the newest one.
    traceback = models.TextField(default="")
    sentry_event_id = models.CharField(max_length=64, default="")
    count = models.BigIntegerField()
    # How many of them were looked at for issues; see monitor.issues.from_counts.
    grouped = models.BigIntegerField(default=0, db_default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        db_table = "error_count"
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(count__gt=models.F("grouped")), name="error_count_to_group"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "environment", "mode", "day", "fingerprint"], name="error_count_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"[:80]
