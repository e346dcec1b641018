"""Where programs ping when they have run, and what they said."""

from django.db import models

from monitor.models.monitors import Monitor
from monitor.models.tenants import Organization


class PushTarget(models.Model):
    """Where a push monitor is pinged, and what its last pings said."""

    monitor = models.OneToOneField(Monitor, models.CASCADE, primary_key=True, related_name="push")
    # In addresses of ours, Uptime Kuma's and Peekaping's, and as a UUID in Healthchecks'.
    token = models.UUIDField(unique=True)
    # Unique in the organization together with its ping key; empty: none.
    slug = models.CharField(max_length=64, default="")
    last_ping_at = models.DateTimeField(null=True)
    # A run that began and did not end yet.
    started_at = models.DateTimeField(null=True)
    run_id = models.UUIDField(null=True)
    # What the last ping that said something said.
    is_failing = models.BooleanField(default=False)
    pings = models.BigIntegerField(default=0)

    class Meta:
        db_table = "push_target"
        indexes = [models.Index(fields=["slug"], name="push_target_by_slug", condition=~models.Q(slug=""))]

    def __str__(self) -> str:
        return f"pings of {self.monitor_id}"


class PingKey(models.Model):
    """The word in front of slugs, for all push monitors of an organization."""

    organization = models.OneToOneField(
        Organization, models.CASCADE, primary_key=True, related_name="ping_key"
    )
    key = models.CharField(max_length=32, unique=True)

    class Meta:
        db_table = "ping_key"

    def __str__(self) -> str:
        return f"ping key of {self.organization_id}"


class Ping(models.Model):
    """A ping that arrived; the newest of each monitor are kept. Its id carries the moment."""

    id = models.UUIDField(primary_key=True, editable=False)
    target = models.ForeignKey(PushTarget, models.CASCADE, related_name="log", db_index=False)
    number = models.BigIntegerField()
    # start, success, failure, log or ignored.
    kind = models.CharField(max_length=8)
    exit_status = models.SmallIntegerField(null=True)
    run_id = models.UUIDField(null=True)
    duration_ms = models.FloatField(null=True)
    method = models.CharField(max_length=8)
    source_ip = models.GenericIPAddressField(null=True)
    # Masked, and cut to the limit that Ping-Body-Limit names.
    body = models.TextField(default="")

    class Meta:
        db_table = "ping"
        constraints = [models.UniqueConstraint(fields=["target", "number"], name="ping_number_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.target_id}"
