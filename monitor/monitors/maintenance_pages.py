"""The pages of maintenance: the list with each window, and the form."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.forms import SerializerForm
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.option_forms import split
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import Maintenance, Monitor
from monitor.models.maintenance import MaintenanceStrategy
from monitor.monitors.forms import list_size
from monitor.monitors.maintenance import timing_of
from monitor.monitors.maintenance_api import MaintenanceSerializer, kept
from monitor.monitors.reach import reach_maintenance
from monitor.monitors.windows import Window

ROWS_A_PAGE = 50
MAX_CHOICES = 500
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BY_THE_CLOCK = ("start_time", "end_time", "timezone")
# What each strategy asks for.
FIELDS_OF: dict[str, tuple[str, ...]] = {
    "manual": (),
    "once": ("starts_at", "ends_at"),
    "weekly": ("weekdays", *BY_THE_CLOCK),
    "monthly": ("month_days", *BY_THE_CLOCK),
    "interval": ("every_days", "starts_at", *BY_THE_CLOCK),
    "cron": ("expression", "duration_minutes", "timezone"),
}
# Without these a plan of its strategy has no window.
NEEDED = {
    **dict.fromkeys(("starts_at", "ends_at", "start_time", "end_time"), "Say when it begins and ends."),
    **dict.fromkeys(("weekdays", "month_days"), "Choose at least one day."),
    "expression": "Say when it begins.",
}
PILLS = {"open": "pill-info", "planned": "pill-good"}
STATE_WORDS = {"open": "Now", "planned": "Planned", "paused": "Paused", "over": "Over"}

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


class MomentField(forms.DateTimeField):
    """A moment in UTC, as browsers ask for one."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    input_formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


class MaintenanceForm(SerializerForm):
    """Judged by the API's serializer; it asks for what its strategy needs."""

    serializer_class = MaintenanceSerializer

    title = forms.CharField(max_length=128)
    description = forms.CharField(
        max_length=8192,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="In Markdown, for status pages.",
    )
    starts_at = MomentField(label="From (UTC)", required=False)
    ends_at = MomentField(label="Until (UTC)", required=False)
    weekdays = forms.MultipleChoiceField(
        label="Days",
        required=False,
        choices=[(str(number), words) for number, words in enumerate(WEEKDAYS)],
        widget=forms.CheckboxSelectMultiple,
    )
    month_days = forms.CharField(
        label="Days", required=False, help_text="1, 15: days of the month; -1 is the last, -2 that before."
    )
    every_days = forms.IntegerField(label="Every so many days", required=False, initial=7)
    start_time = forms.TimeField(
        label="Begins", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    end_time = forms.TimeField(
        label="Ends",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="Not after its begin: the next day.",
    )
    timezone = forms.CharField(label="Time zone", required=False, initial="UTC")
    expression = forms.CharField(label="Cron", required=False, help_text="0 3 * * 0 is Sundays at 3.")
    duration_minutes = forms.IntegerField(label="Minutes", required=False, initial=60)
    tells_subscribers = forms.BooleanField(
        label="Tell subscribers of status pages",
        required=False,
        initial=True,
        help_text="When it is planned, begins and ends; where it comes more often than every six days, when"
        " it begins.",
    )
    covers_all = forms.BooleanField(label="Every monitor", required=False)
    tags = forms.CharField(label="Monitors with a tag", required=False, help_text="With commas.")
    monitor_ids = forms.MultipleChoiceField(
        label="These monitors",
        required=False,
        help_text="A group stands for all in it. With Ctrl or ⌘ several.",
    )

    def __init__(self, *args: Any, strategy: str, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        self.strategy = strategy
        for name in {name for names in FIELDS_OF.values() for name in names} - set(FIELDS_OF[strategy]):
            del self.fields[name]
        for name, words in NEEDED.items():
            if field := self.fields.get(name):
                field.required, field.error_messages["required"] = True, words
        monitors = Monitor.objects.within_reach_of(actor, Scope.MANAGE).order_by("name", "id")
        if self.instance is not None:
            monitors = monitors.filter(organization=self.instance.organization_id)
        choice: Any = self.fields["monitor_ids"]
        choice.choices = [(str(id_), name) for id_, name in monitors.values_list("id", "name")[:MAX_CHOICES]]
        choice.widget.attrs["size"] = list_size(choice.choices)

    @classmethod
    def of(
        cls, strategy: str, *, actor: Actor, maintenance: Maintenance | None, data: Any = None
    ) -> "MaintenanceForm":
        initial: dict[str, Any] = {}
        if maintenance is not None:
            initial = {name: getattr(maintenance, name) for name in cls.base_fields if name != "monitor_ids"}
            initial |= {
                "weekdays": [str(day) for day in maintenance.weekdays],
                "month_days": ", ".join(str(day) for day in maintenance.month_days),
                "tags": ", ".join(maintenance.tags),
                "monitor_ids": [str(id_) for id_ in maintenance.monitors.values_list("id", flat=True)],
            }
        return cls(
            data, strategy=strategy, actor=actor, instance=maintenance, initial=initial, auto_id="work_%s"
        )

    def plan_fields(self) -> list[Any]:
        return [self[name] for name in FIELDS_OF[self.strategy]]

    def clean_month_days(self) -> list[int]:
        try:
            return [int(day) for day in split(self.cleaned_data["month_days"])]
        except ValueError:
            raise forms.ValidationError("Numbers with commas, as 1, 15, -1.") from None

    def sent(self) -> dict[str, Any]:
        sent = {name: value for name, value in self.cleaned_data.items() if value is not None}
        sent["strategy"] = self.strategy
        sent["tags"] = split(sent.get("tags", ""))
        if "weekdays" in sent:
            sent["weekdays"] = [int(day) for day in sent["weekdays"]]
        if "timezone" in self.fields:
            sent["timezone"] = sent.get("timezone") or "UTC"
        return sent


def maintenances(request: HttpRequest) -> HttpResponse:
    """What is open, planned and over."""
    actor, now = page_actor(request), timezone.now()
    found = Maintenance.objects.visible_to(actor).prefetch_related("monitors").order_by("-id")
    page = cut_page(found, limit=ROWS_A_PAGE, cursor=read_cursor(request.GET))
    rows = []
    for each in page.rows:
        timing = timing_of(each, now=now)
        start, end = times_of(each, timing.window)
        rows.append(
            {
                "maintenance": each,
                "words": STATE_WORDS[timing.state],
                "pill": PILLS.get(timing.state, ""),
                "start": start,
                "end": end,
                "covers": covers(each),
                "is_over": timing.state == "over",
            }
        )
    context = {"section": "monitors", "page": page, "rows": rows, "strategies": MaintenanceStrategy.choices}
    return render(request, "monitors/maintenances.html", context)


def times_of(maintenance: Maintenance, window: Window | None) -> tuple[datetime | None, datetime | None]:
    """From when until when: its window's; of one that happens once its own, also when they are over."""
    if window is None:
        once = maintenance.strategy == MaintenanceStrategy.ONCE
        return (maintenance.starts_at, maintenance.ends_at) if once else (None, None)
    return window.start if window.start.year > 1 else None, window.end


def covers(maintenance: Maintenance) -> str:
    """What is in it, in words."""
    if maintenance.covers_all:
        return "every monitor"
    named = [monitor.name for monitor in maintenance.monitors.all()]
    parts = [*named[:3], *([f"{len(named) - 3} more"] if len(named) > 3 else [])]
    parts += [f"tagged {tag}" for tag in maintenance.tags]
    return ", ".join(parts) or "nothing yet"


@reading_or_posting
def new(request: HttpRequest) -> HttpResponse:
    """The strategy first, then only its fields."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    strategy = request.GET.get("strategy", "once")
    if strategy not in FIELDS_OF:
        raise Http404("No such strategy.")
    return edited(request, actor, strategy, None)


@reading_or_posting
def edit(request: HttpRequest, maintenance_id: UUID) -> HttpResponse:
    actor = page_actor(request)
    found = reach_maintenance(actor, maintenance_id, Scope.MANAGE)
    return edited(request, actor, found.strategy, found)


def edited(request: HttpRequest, actor: Actor, strategy: str, found: Maintenance | None) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    form = MaintenanceForm.of(strategy, actor=actor, maintenance=found, data=data)
    if data is not None and form.is_valid():
        try:
            made = kept(actor, found, form.judge.validated_data)
        except ValidationError as error:
            form.add_error(None, " ".join(str(each) for each in as_sentences(error)))
        else:
            messages.success(request, f"{made.title} is saved.")
            return redirect("pages:maintenances")
    context = {
        "section": "monitors",
        "form": form,
        "strategy": strategy,
        "strategies": MaintenanceStrategy.choices,
        "maintenance": found,
    }
    status = 400 if data is not None else 200
    return render(request, "monitors/maintenance_form.html", context, status=status)


def as_sentences(error: ValidationError) -> list[Any]:
    detail = error.detail
    values = detail.values() if isinstance(detail, dict) else [detail]
    return [each for value in values for each in (value if isinstance(value, list) else [value])]


@reading_or_posting
def pause(request: HttpRequest, maintenance_id: UUID) -> HttpResponse:
    """Pauses, or lets a paused one go on: as `is_active` in the form says."""
    if request.method == "POST":
        found = reach_maintenance(page_actor(request), maintenance_id, Scope.MANAGE)
        found.is_active = request.POST.get("is_active") == "true"
        found.save(update_fields=["is_active", "updated_at"])
        messages.success(request, f"{found.title} {'goes on' if found.is_active else 'is paused'}.")
    return redirect("pages:maintenances")


@reading_or_posting
def delete(request: HttpRequest, maintenance_id: UUID) -> HttpResponse:
    if request.method == "POST":
        found = reach_maintenance(page_actor(request), maintenance_id, Scope.MANAGE)
        found.delete()
        messages.success(request, f"{found.title} is removed.")
    return redirect("pages:maintenances")
