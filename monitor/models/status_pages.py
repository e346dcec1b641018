"""Pages that tell anybody how things stand: what they show, and what is said on them."""

from typing import Self

from django.db import models

from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import new_uuid7
from monitor.models.monitors import Monitor
from monitor.models.tenants import Organization

SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
MAX_ENTRIES = 300


class StatusTheme(models.TextChoices):
    AUTO = "auto", "As the reader's system"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class IncidentImpact(models.TextChoices):
    """The words of Atlassian Statuspage, whose clients read ours."""

    NONE = "none", "None"
    MINOR = "minor", "Minor"
    MAJOR = "major", "Major"
    CRITICAL = "critical", "Critical"


class IncidentStatus(models.TextChoices):
    INVESTIGATING = "investigating", "Investigating"
    IDENTIFIED = "identified", "Identified"
    MONITORING = "monitoring", "Monitoring"
    RESOLVED = "resolved", "Resolved"


class StatusPageQuerySet(models.QuerySet["StatusPage"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the actor's organizations, to read and to change; its readers need no actor."""
        return self.filter(organization__in=actor.organizations(Scope.READ))


class StatusPage(models.Model):
    """One page for the public, at /status/<slug> and at a domain of its own."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="status_pages")
    slug = models.CharField(max_length=63, unique=True)
    name = models.CharField(max_length=128)
    # Markdown.
    description = models.TextField(max_length=8192, blank=True, default="")
    domain = models.CharField(max_length=253, null=True, blank=True, unique=True)
    theme = models.CharField(max_length=8, choices=StatusTheme, default=StatusTheme.AUTO)
    css = models.TextField(max_length=20_000, blank=True, default="")
    logo = models.BinaryField(null=True)
    logo_type = models.CharField(max_length=16, blank=True, default="")
    # Hashed; empty: anybody may read.
    password = models.CharField(max_length=256, blank=True, default="")
    is_published = models.BooleanField(default=True)
    # Whether search engines are asked to keep out.
    is_indexed = models.BooleanField(default=True)
    shows_uptime = models.BooleanField(default=True)
    # Whether readers may have themselves told of what it says.
    takes_subscribers = models.BooleanField(default=True, db_default=True)
    days = models.PositiveSmallIntegerField(default=90)
    # Raised with each change by hand; rendered pages are known by it.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = StatusPageQuerySet.as_manager()

    class Meta:
        db_table = "status_page"
        indexes = [models.Index(fields=["organization", "-id"], name="status_page_of_organization")]
        constraints = [
            models.CheckConstraint(condition=models.Q(days__range=(7, 90)), name="status_page_days_in_range")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_password(self) -> bool:
        return bool(self.password)


class StatusEntry(models.Model):
    """A monitor on a page, under the name that readers know."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    page = models.ForeignKey(StatusPage, models.CASCADE, related_name="entries")
    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="+")
    group = models.CharField(max_length=128, blank=True, default="")
    # Empty: the monitor's own.
    name = models.CharField(max_length=128, blank=True, default="")
    position = models.PositiveSmallIntegerField()

    class Meta:
        db_table = "status_entry"
        constraints = [
            models.UniqueConstraint(fields=["page", "monitor"], name="status_entry_once_a_page"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.monitor_id)


class StatusIncident(models.Model):
    """What people say of an outage, in updates."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    page = models.ForeignKey(StatusPage, models.CASCADE, related_name="incidents")
    title = models.CharField(max_length=200)
    impact = models.CharField(max_length=8, choices=IncidentImpact, default=IncidentImpact.MINOR)
    # That of the newest update.
    status = models.CharField(max_length=16, choices=IncidentStatus)
    started_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "status_incident"
        indexes = [models.Index(fields=["page", "-started_at"], name="status_incident_of_page")]

    def __str__(self) -> str:
        return self.title


class StatusUpdate(models.Model):
    """One thing that was said of an incident."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    incident = models.ForeignKey(StatusIncident, models.CASCADE, related_name="updates")
    status = models.CharField(max_length=16, choices=IncidentStatus)
    # Markdown.
    body = models.TextField(max_length=8192)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "status_update"

    def __str__(self) -> str:
        return f"{self.status} at {self.created_at:%Y-%m-%d %H:%M}"
