"""The form of an alert rule, which reads as a sentence."""

from collections.abc import Iterable
from typing import Any

from django import forms

from monitor.alerts.api import AlertRuleSerializer
from monitor.api.forms import SerializerForm
from monitor.models import AlertRule, Service
from monitor.models.alerts import ConditionField, ConditionOperator

FIELDS = (
    (ConditionField.STATUS_CODE.value, "the status code"),
    (ConditionField.LATENCY_MS.value, "the latency (ms)"),
    (ConditionField.ERROR.value, "an error"),
)
OPERATORS = (
    (ConditionOperator.GREATER_OR_EQUAL.value, "is at least ≥"),
    (ConditionOperator.GREATER.value, "is above >"),
    (ConditionOperator.LESS_OR_EQUAL.value, "is at most ≤"),
    (ConditionOperator.LESS.value, "is below <"),
    (ConditionOperator.EQUAL.value, "is ="),
    (ConditionOperator.NOT_EQUAL.value, "is not ≠"),
)


class RuleForm(SerializerForm):
    """The API's serializer compiles the condition; what it objects to stands beside its field."""

    serializer_class = AlertRuleSerializer

    condition_field = forms.ChoiceField(label="What is looked at", choices=FIELDS)
    condition_operator = forms.ChoiceField(label="How it is compared", choices=OPERATORS)
    condition_value = forms.CharField(
        label="Value",
        widget=forms.TextInput(
            attrs={"placeholder": "500", "autocomplete": "off", "list": "condition-values"}
        ),
    )
    name = forms.CharField(
        max_length=128, widget=forms.TextInput(attrs={"placeholder": "Server errors", "autocomplete": "off"})
    )
    description = forms.CharField(
        max_length=512, required=False, help_text="What to do when it fires, for whoever reads it then."
    )

    @classmethod
    def of(cls, rule: AlertRule, data: Any = None) -> "RuleForm":
        initial = {name: getattr(rule, name) for name in cls.base_fields}
        return cls(data, instance=rule, initial=initial, auto_id="rule_%s")


class NewRuleForm(RuleForm):
    """A rule of one of these services."""

    service_id = forms.ChoiceField(label="Service")
    field_order = ("service_id",)

    def __init__(self, *args: Any, services: Iterable[Service], **options: Any) -> None:
        super().__init__(*args, **options)
        choice: Any = self.fields["service_id"]
        choice.choices = [(str(service.id), service.name) for service in services]
