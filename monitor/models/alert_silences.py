"""What keeps notices back: silences that people make, and the budget of an hour."""

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Self

from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7
from monitor.models.alerts import AlertRule, Severity
from monitor.models.services import Service
from monitor.models.tenants import Organization


class AlertSilenceQuerySet(models.QuerySet["AlertSilence"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the actor's organizations; a service's own key sees what may concern that service."""
        within = self.filter(organization__in=actor.organizations())
        if actor.service_id is None:
            return within
        return within.filter(models.Q(service=None) | models.Q(service_id=actor.service_id))

    def active(self, now: datetime) -> Self:
        return self.filter(starts_at__lte=now, ends_at__gt=now)


class AlertSilence(models.Model):
    """For a while, what it matches is judged and recorded, not told. One that begins later is maintenance.

    It matches what all its parts match; a part that is empty matches everything.
    """

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    service = models.ForeignKey(Service, models.CASCADE, null=True, blank=True, related_name="+")
    rule = models.ForeignKey(AlertRule, models.CASCADE, null=True, blank=True, related_name="silences")
    severity = models.CharField(max_length=8, choices=Severity, blank=True, default="")
    # With * and ?, as `GET /orders/*`.
    group = models.CharField(max_length=300, blank=True, default="")
    reason = models.CharField(max_length=512, blank=True, default="")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AlertSilenceQuerySet.as_manager()

    class Meta:
        db_table = "alert_silence"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gte=models.F("starts_at")), name="alert_silence_ends_after_start"
            )
        ]
        indexes = [models.Index(fields=["ends_at"], name="alert_silence_by_end")]

    def __str__(self) -> str:
        return self.reason or f"until {self.ends_at:%Y-%m-%d %H:%M}"

    def matches(self, rule: AlertRule, group: str) -> bool:
        return (
            self.organization_id == rule.service.organization_id
            and self.service_id in (None, rule.service_id)
            and self.rule_id in (None, rule.id)
            and self.severity in ("", rule.severity)
            and (not self.group or fnmatchcase(group, self.group))
        )


class AlertBudget(models.Model):
    """How many notices an organization was told in an hour, and how many more were held back."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    told = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)
    # When it was told how many were held back.
    digest_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "alert_budget"
        constraints = [
            models.UniqueConstraint(fields=["organization", "hour"], name="alert_budget_once_an_hour")
        ]

    def __str__(self) -> str:
        return f"{self.told} told, {self.held} held at {self.hour:%Y-%m-%d %H:%M}"
