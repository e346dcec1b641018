"""Alert rules to manage, and what they found to look at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import LeanDeletionAdmin, ReadOnlyAdmin
from monitor.admin.shown import NOTHING, code, link_to, list_of, moment
from monitor.alerts.definitions import CONDITION, DEFAULTS, default_of, problems_of
from monitor.alerts.ending import remove_rule
from monitor.alerts.states import begin_anew, state_of, with_states
from monitor.models import AlertEvent, AlertRule, Endpoint, RequestLog
from monitor.models.alert_groups import GroupState
from monitor.models.alerts import RuleKind

HYGIENE = ("severity", "runbook_url", "notes", "cooldown_s", "remind_s")
WITH_DEFAULT = frozenset(
    {
        *("kind", "apdex_ms", "for_s", "min_requests", "deviations", "period_days"),
        *("severity", "cooldown_s", "remind_s"),
    }
)
SPOKEN = tuple("endpoint" if name == "endpoint_id" else name for name in DEFAULTS)


STANDING = ("health", "events", "created")


def part(fields: tuple[str, ...], *, is_open: bool) -> dict[str, Any]:
    """A part of a form. One that is folded opens by itself where something in it is wrong."""
    return {"fields": fields, "classes": () if is_open else ("collapse",)}


class AlertRuleForm(forms.ModelForm):
    class Meta:
        model = AlertRule
        fields = ("service", "name", "description", "kind", *SPOKEN, *HYGIENE, "is_active")
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}
        help_texts = {
            "kind": "Each request has a condition; the others look at windows, or at what is new.",
            "target": "Of an objective: per cent of the requests.",
            "deviations": "Of what is out of the usual: 3 is rare, 6 very rare.",
            "condition_value": "500 for a status, 800 for milliseconds, true or false for an error.",
            "threshold": "Rates and shares in per cent, latencies in milliseconds.",
            "window_s": "Whole minutes, from 60 to 86400 seconds.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # What is left out is as the model has it.
        for name in WITH_DEFAULT & self.fields.keys():
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        for name in WITH_DEFAULT & fields.keys():
            if fields[name] in (None, ""):
                fields[name] = default_of(name)
        if self.errors:
            return fields
        endpoint: Endpoint | None = fields.get("endpoint")
        said = {name: fields.get(name) for name in DEFAULTS} | {"endpoint_id": endpoint and endpoint.id}
        for name, problem in problems_of({**said, "kind": fields.get("kind", self.instance.kind)}).items():
            self.add_error("endpoint" if name == "endpoint_id" else name, problem)
        if endpoint is not None and endpoint.service_id != getattr(self.service(fields), "id", None):
            self.add_error("endpoint", "The service has no such endpoint.")
        return fields

    def service(self, fields: dict[str, Any]) -> Any:
        """The service as chosen; of a rule that is there, its own."""
        return fields.get("service") or self.instance.service


@admin.register(AlertRule)
class AlertRuleAdmin(LeanDeletionAdmin):
    form = AlertRuleForm
    list_display = ("name", "service", "condition_shown", "is_active", "state", "health", "events")
    list_filter = ("is_active", "kind")
    list_select_related = ("service", "endpoint")
    raw_id_fields = ("endpoint",)
    search_fields = ("name", "description", "service__name")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return with_states(super().get_queryset(request).filter(service__deleted_at=None))

    def get_fieldsets(self, request: HttpRequest, obj: AlertRule | None = None) -> Any:
        """In parts: what a rule of its kind does not ask for is folded away."""
        asks_each = obj is None or obj.kind == RuleKind.LOG
        asks_windows = obj is None or obj.kind != RuleKind.LOG
        over_windows = tuple(name for name in SPOKEN if name not in CONDITION)
        parts = [
            (None, {"fields": ("service", "name", "description", "kind", "is_active")}),
            ("On each request", part(CONDITION, is_open=asks_each)),
            ("Over windows, baselines, objectives", part(over_windows, is_open=asks_windows)),
            ("How it is told", part(HYGIENE, is_open=False)),
        ]
        return parts if obj is None else [*parts, ("How it stands", part(STANDING, is_open=True))]

    def get_readonly_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        """A rule stays with its service, whose logs its events are about, and of its kind."""
        return () if obj is None else ("service", "kind", *STANDING)

    def goes_along(self, obj: AlertRule) -> str:
        return "with its events"

    def delete_model(self, request: HttpRequest, obj: AlertRule) -> None:
        remove_rule(obj, now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        for rule in queryset:
            remove_rule(rule, now=timezone.now())

    @admin.display(description="Condition")
    def condition_shown(self, rule: AlertRule) -> SafeString:
        return code(rule.condition)

    def save_model(self, request: HttpRequest, obj: AlertRule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        changed = {"endpoint_id" if name == "endpoint" else name for name in form.changed_data}
        begin_anew(obj, changed, now=timezone.now())

    @admin.display(description="State")
    def state(self, rule: AlertRule) -> SafeString | str:
        state = state_of(rule)
        return NOTHING if state is None else GroupState(state).label

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
    list_display = ("triggered", "kind", "service", "rule", "message", "log")
    list_filter = ("kind",)
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
    def log(self, event: AlertEvent) -> SafeString | str:
        """The log may have aged out since; the message stays readable without it."""
        return NOTHING if event.log_id is None else link_to(RequestLog(id=event.log_id), "Log")
