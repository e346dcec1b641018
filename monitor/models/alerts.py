"""Rules that are judged on every log, and what they found."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models.expressions import RawSQL

from monitor.lib.actors import Actor
from monitor.lib.ids import new_uuid7, uuid7_floor
from monitor.models.services import Service

MOST_COUNTED = 1000


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

    def with_activity(self, since: datetime) -> Self:
        """Adds `last_fired_at`, and `recent_events`: how many since then, counted up to MOST_COUNTED.

        A rule that every request matches has millions; its page should not wait for the exact number.
        """
        newest = AlertEvent.objects.filter(rule=models.OuterRef("pk")).order_by("-id")
        recent = RawSQL(
            "(SELECT count(*) FROM (SELECT 1 FROM alert_event"
            " WHERE rule_id = alert_rule.id AND id >= %s LIMIT %s) recent)",
            [uuid7_floor(since), MOST_COUNTED],
            output_field=models.IntegerField(),
        )
        return self.annotate(
            last_fired_at=models.Subquery(newest.values("triggered_at")[:1]), recent_events=recent
        )


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


class AlertRuleChange(models.Model):
    """When the rules of a service last changed, as a number that says nothing but whether they did.

    Written by triggers alone. A table of its own: in the service's row, whoever saves a service would put
    an old number back.
    """

    service_id = models.UUIDField(primary_key=True, editable=False)
    number = models.BigIntegerField()

    class Meta:
        db_table = "alert_rule_change"

    def __str__(self) -> str:
        return f"rules of {self.service_id}"


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
