"""Rules that are judged on every log, and what they found."""

from typing import Self

from django.db import models

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7
from monitor.models.services import Service


class ConditionField(models.TextChoices):
    STATUS_CODE = "status_code", "Status code"
    LATENCY_MS = "latency_ms", "Latency (ms)"
    ERROR = "error", "Error reported"


class ConditionOperator(models.TextChoices):
    GREATER_OR_EQUAL = ">=", ">="
    LESS_OR_EQUAL = "<=", "<="
    EQUAL = "==", "=="
    NOT_EQUAL = "!=", "!="
    GREATER = ">", ">"
    LESS = "<", "<"


class AlertRuleQuerySet(models.QuerySet["AlertRule"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(service__in=Service.objects.visible_to(actor))


class AlertRule(models.Model):
    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="alert_rules")
    name = models.CharField(max_length=128)
    description = models.CharField(max_length=512, blank=True, default="")
    condition_field = models.CharField(max_length=16, choices=ConditionField)
    condition_operator = models.CharField(max_length=2, choices=ConditionOperator)
    condition_value = models.CharField(max_length=64)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Why the rule could not be judged, when it last could not: shown to its owners, blocks nothing.
    last_error = models.CharField(max_length=512, blank=True, default="", editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = AlertRuleQuerySet.as_manager()

    class Meta:
        db_table = "alert_rule"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(condition_field__in=ConditionField.values), name="alert_rule_field_known"
            ),
            models.CheckConstraint(
                condition=models.Q(condition_operator__in=ConditionOperator.values),
                name="alert_rule_operator_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def condition(self) -> str:
        return f"{self.condition_field} {self.condition_operator} {self.condition_value}"


class AlertEvent(models.Model):
    """A rule that matched a log. Copies what it needs to stay readable after the log has aged out."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="events")
    log_id = models.UUIDField(db_index=True)
    message = models.CharField(max_length=1024)
    triggered_at = models.DateTimeField()

    class Meta:
        db_table = "alert_event"
        indexes = [models.Index(fields=["rule", "-id"], name="alert_event_newest_of_rule")]

    def __str__(self) -> str:
        return self.message
