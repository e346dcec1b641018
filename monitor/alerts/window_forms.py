"""The form of a rule over a window, which reads as a sentence."""

from collections.abc import Collection
from typing import Any

from django import forms

from monitor.alerts.api import HYGIENE, AlertRuleSerializer
from monitor.alerts.definitions import (
    BASELINE_WINDOWS_S,
    DEFAULTS,
    OF_OBJECTIVES,
    SPOKEN,
    STATUS_CLASSES,
    default_of,
)
from monitor.api.forms import SerializerForm
from monitor.models import AlertRule, Endpoint, Service
from monitor.models.alerts import (
    DEFAULT_DEVIATIONS,
    OF_NEWS,
    Direction,
    Measure,
    Per,
    RuleKind,
    Severity,
    length_text,
)
from monitor.models.clients import SILENT_AFTER

MAX_ENDPOINTS = 500
MINUTES = (1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440)
WAITS = (0, 1, 2, 5, 10, 15, 30, 60)
PERIODS = (7, 14, 28, 30, 90)
RESTS = (0, 1, 5, 15, 30, 60, 240, 1440)


def lengths(minutes: tuple[int, ...], *, none: str = "") -> list[tuple[int, str]]:
    """Choices of so many minutes, in seconds."""
    return [(60 * each, length_text(60 * each) if each else none) for each in minutes]


class LengthField(forms.TypedChoiceField):
    """Seconds out of a few lengths; one that a program chose is among them too."""

    def __init__(self, minutes: tuple[int, ...], *, none: str = "", **options: Any) -> None:
        self.lengths = lengths(minutes, none=none)
        super().__init__(choices=self.lengths, coerce=int, **options)

    def take_in(self, seconds: int | None) -> None:
        if seconds is not None and seconds not in dict(self.lengths):
            self.choices = [*self.lengths, (seconds, length_text(seconds))]


class WindowRuleForm(SerializerForm):
    """A rule of one kind and one service. The API's serializer judges it."""

    serializer_class = AlertRuleSerializer

    measure = forms.ChoiceField(label="What is measured", choices=Measure.choices, initial=Measure.P95)
    status_class = forms.ChoiceField(
        label="Status class",
        required=False,
        choices=[("", "—"), *((name, name) for name in STATUS_CLASSES)],
        help_text="For the share of a status class.",
    )
    apdex_ms = forms.FloatField(
        label="Limit (ms)",
        required=False,
        help_text="For Apdex, and for the share of slow requests. 500 if empty.",
    )
    direction = forms.ChoiceField(label="Side", choices=Direction.choices)
    target = forms.FloatField(
        label="Target (%)", initial=99.9, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    period_days = forms.TypedChoiceField(
        label="Days", choices=[(days, f"{days} days") for days in PERIODS], coerce=int, initial=30
    )
    deviations = forms.FloatField(
        label="Deviations",
        required=False,
        initial=DEFAULT_DEVIATIONS,
        help_text="How far out of the usual: 3 is rare, 6 very rare.",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    threshold = forms.FloatField(label="Threshold", widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    window_s = LengthField(MINUTES, label="Window", initial=300)
    for_s = LengthField(WAITS, label="For at least", none="at once", required=False, initial=0)
    min_requests = forms.IntegerField(label="At least so many requests", required=False, min_value=0)
    endpoint_id = forms.ChoiceField(label="Endpoint", required=False)
    consumer = forms.CharField(label="Consumer", required=False, max_length=128)
    environment = forms.CharField(label="Environment", required=False, max_length=64)
    tag = forms.CharField(label="Tag", required=False, max_length=128)
    per = forms.ChoiceField(
        label="Judged", required=False, choices=[("", "as a whole"), *((each, f"per {each}") for each in Per)]
    )
    name = forms.CharField(max_length=128, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    description = forms.CharField(max_length=512, required=False, help_text="What it means when it fires.")
    severity = forms.ChoiceField(choices=Severity.choices, initial=Severity.WARNING, required=False)
    runbook_url = forms.CharField(label="Runbook link", required=False, max_length=2048)
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    cooldown_s = LengthField(RESTS, label="Not told again within", none="—", required=False, initial=300)
    remind_s = LengthField(RESTS, label="Told again every", none="never", required=False, initial=0)

    def __init__(self, *args: Any, service: Service, kind: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.service, self.kind = service, kind
        for name in DEFAULTS.keys() - set(SPOKEN[kind]):
            self.fields.pop(name, None)
        for name in () if kind not in OF_NEWS else ("cooldown_s", "remind_s"):
            self.fields.pop(name)  # each piece is told once
        if "endpoint_id" in self.fields:
            self.fields["endpoint_id"].choices = endpoint_choices(service)  # type: ignore[attr-defined] # a ChoiceField
        self.narrow_choices(kind)
        if kind == RuleKind.SILENCE:
            self.initial.setdefault("window_s", int(SILENT_AFTER.total_seconds()))
        for name, field in self.fields.items():
            if isinstance(field, LengthField):
                field.take_in(self.initial.get(name))

    def narrow_choices(self, kind: str) -> None:
        """Only what the kind may say; a length or period that a program chose stays among them."""
        only: dict[str, Collection[Any]] = {}
        if kind == RuleKind.METRIC:
            only["direction"] = (Direction.ABOVE, Direction.BELOW)
        elif kind == RuleKind.SLO:
            only["measure"] = OF_OBJECTIVES
            days = self.initial.get("period_days")
            if days and days not in PERIODS:
                self.fields["period_days"].choices += [(days, f"{days} days")]  # type: ignore[attr-defined] # as above
        elif kind == RuleKind.BASELINE:
            only["per"] = ("", Per.ENDPOINT, Per.ENVIRONMENT)
            shortest, longest = BASELINE_WINDOWS_S
            only["window_s"] = [each * 60 for each in MINUTES if shortest <= each * 60 <= longest]
            self.initial.setdefault("window_s", longest)
            self.initial.setdefault("direction", Direction.BOTH)
        for name, allowed in only.items():
            field: Any = self.fields[name]
            field.choices = [(value, words) for value, words in field.choices if value in allowed]

    @classmethod
    def of(cls, rule: AlertRule, data: Any = None) -> "WindowRuleForm":
        initial = {name: getattr(rule, name) for name in cls.base_fields}
        return cls(
            data, service=rule.service, kind=rule.kind, instance=rule, initial=initial, auto_id="rule_%s"
        )

    def sent(self) -> dict[str, Any]:
        sent = {name: value for name, value in self.cleaned_data.items() if value is not None and value != ""}
        empty = {name: self.emptied(name) for name in self.cleaned_data.keys() - sent.keys()}
        if self.instance is None:
            sent |= {"kind": self.kind, "service_id": str(self.service.id)}
        return empty | sent

    def emptied(self, name: str) -> Any:
        """What a field that was left empty says."""
        return default_of(name) if name in DEFAULTS or name in HYGIENE else ""

    @property
    def can_be_tried(self) -> bool:
        """Of processes only the last report is kept: nothing to try on."""
        return self.kind != RuleKind.SILENCE

    @property
    def narrowing(self) -> list[Any]:
        return [
            self[name] for name in ("endpoint_id", "consumer", "environment", "tag") if name in self.fields
        ]

    @property
    def how(self) -> list[Any]:
        names = ("for_s", "min_requests", "deviations", "apdex_ms")
        return [self[name] for name in names if name in self.fields]

    @property
    def telling(self) -> list[Any]:
        names = ("severity", "cooldown_s", "remind_s", "runbook_url", "notes")
        return [self[name] for name in names if name in self.fields]

    def draft(self) -> AlertRule:
        """The rule as it would be saved. Only after `is_valid()`."""
        said = {name: value for name, value in self.judge.validated_data.items() if name != "service_id"}
        rule = AlertRule(kind=self.kind)
        if self.instance is not None:
            for name in DEFAULTS:
                setattr(rule, name, getattr(self.instance, name))
        for name, value in said.items():
            setattr(rule, name, value)
        rule.service = self.service
        return rule


def endpoint_choices(service: Service) -> list[tuple[str, str]]:
    found = Endpoint.objects.filter(service=service).order_by("route", "method")[:MAX_ENDPOINTS]
    return [("", "all endpoints"), *((str(endpoint.id), str(endpoint)) for endpoint in found)]


KIND_WORDS = {
    RuleKind.METRIC: "A number",
    RuleKind.ABSENCE: "No requests",
    RuleKind.SILENCE: "No process reports",
    RuleKind.BASELINE: "Out of the usual",
    RuleKind.SLO: "An objective",
    RuleKind.NEW_ENDPOINT: "New endpoint",
    RuleKind.NEW_ERROR: "New error",
}
