"""How rules of windows stand, group by group, and how each came there."""

from datetime import timedelta

from django.db import models

from monitor.lib.ids import new_uuid7
from monitor.models.alerts import AlertRule


class GroupState(models.TextChoices):
    OK = "ok", "OK"
    PENDING = "pending", "Pending"
    FIRING = "firing", "Firing"
    NO_DATA = "no_data", "No data"
    RESOLVED = "resolved", "Resolved"
    ERROR = "error", "Error"
    MUTED = "muted", "Muted"


# The worst of several groups is the first of these that any has.
WORST_FIRST = (
    GroupState.FIRING,
    GroupState.ERROR,
    GroupState.PENDING,
    GroupState.MUTED,
    GroupState.NO_DATA,
    GroupState.RESOLVED,
    GroupState.OK,
)


class AlertGroup(models.Model):
    """One group of a rule, or the whole of it, as the last evaluation found it."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="groups")
    # An id or a name as rollups have it; empty for the whole.
    key = models.CharField(max_length=128, blank=True)
    label = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=8, choices=GroupState)
    since = models.DateTimeField()
    value = models.FloatField(null=True)
    requests = models.BigIntegerField(default=0)
    # Since when its value is beyond the threshold, and since when that is an incident.
    breaching_since = models.DateTimeField(null=True)
    fired_at = models.DateTimeField(null=True)
    # When its firing was told last.
    told_at = models.DateTimeField(null=True)
    acknowledged_until = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    seen_at = models.DateTimeField(null=True)
    # What is usual in the hour that `usual_of` begins; no band where too little is known.
    usual_low = models.FloatField(null=True)
    usual_high = models.FloatField(null=True)
    usual_of = models.DateTimeField(null=True)
    evaluated_at = models.DateTimeField()
    # When its last row of AlertEvaluation was written.
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "alert_group"
        constraints = [
            models.UniqueConstraint(fields=["rule", "key"], name="alert_group_once_per_rule"),
            models.CheckConstraint(
                condition=models.Q(state__in=GroupState.values), name="alert_group_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or 'all'}: {self.state}"

    @property
    def is_told(self) -> bool:
        """Whether the firing of the incident that is open was told."""
        return self.told_at is not None and self.fired_at is not None and self.told_at >= self.fired_at


class AlertEvaluation(models.Model):
    """What a rule made of one window: kept on every change and error, and else once an hour.

    In a partition a day, by id; see monitor.alerts.evaluations. No foreign key: days go as a whole.
    """

    KEPT = timedelta(days=30)

    id = models.UUIDField(primary_key=True, editable=False)
    rule_id = models.UUIDField()
    group = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=8, choices=GroupState)
    value = models.FloatField(null=True)
    requests = models.BigIntegerField(default=0)
    duration_ms = models.FloatField(default=0)
    error = models.CharField(max_length=512, blank=True)

    class Meta:
        db_table = "alert_evaluation"
        indexes = [models.Index(fields=["rule_id", "-id"], name="alert_evaluation_of_rule")]

    def __str__(self) -> str:
        return f"{self.group or 'all'}: {self.state} at {self.until}"
