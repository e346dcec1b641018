"""Planned work: while a window of it is open, its monitors are checked and nobody is told."""

from typing import Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import new_uuid7
from monitor.models.monitors import Monitor
from monitor.models.tenants import Organization


class MaintenanceStrategy(models.TextChoices):
    """As in monitor.monitors.windows, which knows no tables."""

    MANUAL = "manual", "While it is on"
    ONCE = "once", "Once"
    CRON = "cron", "By cron"
    WEEKLY = "weekly", "On days of the week"
    MONTHLY = "monthly", "On days of the month"
    INTERVAL = "interval", "Every so many days"


class MaintenanceQuerySet(models.QuerySet["Maintenance"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the actor's organizations; a service's own key sees what covers all or names its own."""
        within = self.filter(organization__in=actor.organizations(Scope.READ))
        if actor.service_id is None:
            return within
        mine = Monitor.objects.filter(service=actor.service_id, maintenances=models.OuterRef("pk"))
        return within.filter(models.Q(covers_all=True) | models.Exists(mine))


class Maintenance(models.Model):
    """A plan of windows, and the monitors in them: all, those with a tag, those that are named, and whatever
    stands in a group among them."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="maintenances")
    title = models.CharField(max_length=128)
    # Markdown; status pages show it.
    description = models.TextField(max_length=8192, blank=True, default="")
    is_active = models.BooleanField(default=True)
    strategy = models.CharField(max_length=8, choices=MaintenanceStrategy)
    timezone = models.CharField(max_length=64, default="UTC")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    start_time = models.TimeField(null=True, blank=True)
    end_time = models.TimeField(null=True, blank=True)
    # 0 is Monday.
    weekdays = ArrayField(models.SmallIntegerField(), blank=True, default=list)
    # -1 is the last day of the month.
    month_days = ArrayField(models.SmallIntegerField(), blank=True, default=list)
    every_days = models.PositiveSmallIntegerField(default=1)
    expression = models.CharField(max_length=128, blank=True, default="")
    duration_minutes = models.PositiveIntegerField(default=60)
    # Those of the status pages that show it.
    tells_subscribers = models.BooleanField(default=True, db_default=True)
    covers_all = models.BooleanField(default=False)
    tags = ArrayField(models.CharField(max_length=64), blank=True, default=list)
    monitors = models.ManyToManyField(Monitor, related_name="maintenances", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MaintenanceQuerySet.as_manager()

    class Meta:
        db_table = "maintenance"
        indexes = [models.Index(fields=["organization", "-id"], name="maintenance_of_organization")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(every_days__range=(1, 366)), name="maintenance_every_days_in_range"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def monitor_ids(self) -> list[UUID]:
        """Those that are named, by their id."""
        return sorted(monitor.id for monitor in self.monitors.all())
