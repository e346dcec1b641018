"""Alert rules to manage, and what they found to look at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import LeanDeletionAdmin, ReadOnlyAdmin
from monitor.admin.shown import NOTHING, code, link_to, list_of, moment
from monitor.alerts.conditions import BadCondition, compile_condition
from monitor.alerts.judge import remove_rule
from monitor.models import AlertEvent, AlertRule, RequestLog

CONDITION = ("condition_field", "condition_operator", "condition_value")


class AlertRuleForm(forms.ModelForm):
    class Meta:
        model = AlertRule
        fields = ("service", "name", "description", *CONDITION, "is_active")
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}
        help_texts = {
            "condition_value": "500 for a status, 800 for milliseconds, true or false for an error.",
        }

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        if all(name in fields for name in CONDITION):
            try:
                compile_condition(*(fields[name] for name in CONDITION))
            except BadCondition as error:
                self.add_error(error.field, str(error))
        return fields


@admin.register(AlertRule)
class AlertRuleAdmin(LeanDeletionAdmin):
    form = AlertRuleForm
    list_display = ("name", "service", "condition_shown", "is_active", "health", "events")
    list_filter = ("is_active", "condition_field")
    list_select_related = ("service",)
    search_fields = ("name", "description", "service__name")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return super().get_queryset(request).filter(service__deleted_at=None)

    def get_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        fields = AlertRuleForm.Meta.fields
        return fields if obj is None else (*fields, "health", "events", "created")

    def get_readonly_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        """A rule stays with its service: its events are about that one's logs."""
        return () if obj is None else ("service", "health", "events", "created")

    def goes_along(self, obj: AlertRule) -> str:
        return "with its events"

    def delete_model(self, request: HttpRequest, obj: AlertRule) -> None:
        remove_rule(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        for rule in queryset:
            remove_rule(rule)

    @admin.display(description="Condition")
    def condition_shown(self, rule: AlertRule) -> SafeString:
        return code(rule.condition)

    @admin.display(description="Last error")
    def health(self, rule: AlertRule) -> SafeString | str:
        """Why the rule could not be judged last time, and when."""
        if not rule.last_error:
            return NOTHING
        return format_html(
            '<span class="error-text">✕ {}</span> {}', rule.last_error, moment(rule.last_error_at, "clock")
        )

    @admin.display(description="Events")
    def events(self, rule: AlertRule) -> SafeString:
        return format_html('<a href="{}">Events</a>', list_of(AlertEvent, rule__id__exact=rule.id))

    @admin.display(description="Created at")
    def created(self, rule: AlertRule) -> SafeString | str:
        return moment(rule.created_at)


@admin.register(AlertEvent)
class AlertEventAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("triggered", "service", "rule", "message", "log")
    list_select_related = ("rule__service",)
    fields = ("triggered", "rule", "service", "message", "log")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertEvent]:
        return (
            super()
            .get_queryset(request)
            .filter(rule__service__deleted_at=None)
            .select_related("rule__service")
        )

    @admin.display(description="Triggered at")
    def triggered(self, event: AlertEvent) -> SafeString | str:
        return moment(event.triggered_at, "clock")

    @admin.display(description="Service")
    def service(self, event: AlertEvent) -> str:
        return event.rule.service.name

    @admin.display(description="Log")
    def log(self, event: AlertEvent) -> SafeString:
        """The log may have aged out since; the message stays readable without it."""
        return link_to(RequestLog(id=event.log_id), "Log")
