"""Status pages with what is told on them, subscribers, and maintenance: by the verbs of API and pages."""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.admin.shared import NounAdmin, PlainChoices
from monitor.admin.shown import NOTHING, moment
from monitor.lib.stylesheets import BadStylesheet, checked_css
from monitor.models import Maintenance, StatusEntry, StatusIncident, StatusPage, StatusSubscriber
from monitor.models.status_pages import SLUG, IncidentStatus
from monitor.monitors.maintenance import plan_of, save_maintenance, timing_of
from monitor.monitors.windows import BadPlan, check_plan
from monitor.status.register import (
    BadPage,
    checked_domain,
    open_incident,
    remove_page,
    save_page,
    say,
    touch,
)
from monitor.status.subscribing import leave, shown_target

INCIDENTS_SHOWN = 10


# --- Incidents ---------------------------------------------------------------------------------------------


class IncidentForm(forms.ModelForm):
    """An incident, and what is said next of it: an update that readers and subscribers get."""

    status = forms.ChoiceField(choices=IncidentStatus.choices, label="State")
    body = forms.CharField(
        label="What is said",
        required=False,
        max_length=8192,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Markdown. A new state needs words; words alone are an update.",
    )
    notify = forms.BooleanField(label="Tell subscribers", required=False, initial=True)

    class Meta:
        model = StatusIncident
        fields = ("title", "impact")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.instance._state.adding:
            self.initial["status"] = self.instance.status

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        is_news = self.instance._state.adding or "status" in self.changed_data
        if is_news and not fields.get("body"):
            self.add_error("body", "Say what it is, and how it stands.")
        return fields


class IncidentInline(PlainChoices, admin.StackedInline):
    model = StatusIncident
    form = IncidentForm
    fields = (("title", "impact", "status"), "body", "notify", ("started", "resolved"))
    readonly_fields = ("started", "resolved")
    extra = 0
    ordering = ("-started_at", "-id")
    verbose_name_plural = "Incidents that are open, and the newest others"

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatusIncident]:
        newest = StatusIncident.objects.order_by("-started_at", "-id").filter(page=OuterRef("page"))
        shown = super().get_queryset(request)
        return shown.filter(id__in=Subquery(newest.values("id")[:INCIDENTS_SHOWN])) | shown.filter(
            resolved_at=None
        )

    @admin.display(description="Began at")
    def started(self, incident: StatusIncident) -> SafeString | str:
        return moment(incident.started_at)

    @admin.display(description="Resolved at")
    def resolved(self, incident: StatusIncident) -> SafeString | str:
        return moment(incident.resolved_at)


def keep_incident(page: StatusPage, form: Any) -> None:
    """What the inline form of an incident says, by the verbs."""
    given, now = form.cleaned_data, timezone.now()
    if form.instance._state.adding:
        form.instance = open_incident(
            page,
            title=given["title"],
            impact=given["impact"],
            status=given["status"],
            body=given["body"],
            notify=given["notify"],
            now=now,
        )
        return
    if {"title", "impact"} & set(form.changed_data):
        form.instance.updated_at = now
        form.instance.save(update_fields=["title", "impact", "updated_at"])
        touch(page.id)
    if given["body"]:
        say(form.instance, status=given["status"], body=given["body"], notify=given["notify"], now=now)


# --- Pages -------------------------------------------------------------------------------------------------


class StatusPageAdminForm(forms.ModelForm):
    class Meta:
        model = StatusPage
        fields = (
            *("organization", "name", "slug", "domain", "description", "theme", "days"),
            *("is_published", "is_indexed", "shows_uptime", "takes_subscribers", "css"),
        )
        widgets = {"description": forms.Textarea(attrs={"rows": 3}), "css": forms.Textarea(attrs={"rows": 5})}
        help_texts = {
            "slug": "The page is at /status/ and this.",
            "domain": "As status.example.com.",
            "description": "In Markdown.",
            "is_published": "Whether readers can open it.",
            "is_indexed": "Whether search engines may list it.",
        }

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if not re.fullmatch(SLUG, slug):
            raise forms.ValidationError("Small letters, digits and hyphens between them.")
        return slug

    def clean_domain(self) -> str | None:
        try:
            return checked_domain(self.cleaned_data["domain"] or "")
        except BadPage as error:
            raise forms.ValidationError(str(error)) from None

    def clean_css(self) -> str:
        try:
            return checked_css(self.cleaned_data["css"])
        except BadStylesheet as error:
            raise forms.ValidationError(str(error)) from None


@admin.register(StatusPage)
class StatusPageAdmin(NounAdmin):
    """What a page shows, its logo and its password are set in its editor, which has a preview."""

    form = StatusPageAdminForm
    inlines = (IncidentInline,)
    list_display = (
        "name",
        "address",
        "organization",
        "is_published",
        "shown_count",
        "open_count",
        "listening",
    )
    list_select_related = ("organization",)
    list_filter = ("is_published", "takes_subscribers")
    search_fields = ("name", "slug", "domain")
    ordering = ("name", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatusPage]:
        return super().get_queryset(request).select_related("organization").defer("logo")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        counted = queryset.annotate(
            monitors=count_of(StatusEntry.objects.all()),
            open=count_of(StatusIncident.objects.filter(resolved_at=None)),
            subscribed=count_of(StatusSubscriber.objects.confirmed()),
        )
        return super().get_search_results(request, counted, search_term)

    def get_readonly_fields(self, request: HttpRequest, obj: StatusPage | None = None) -> tuple[str, ...]:
        """A page stays in its organization: it shows that one's monitors."""
        return () if obj is None else ("organization", "editor", "shows", "id")

    def get_fields(self, request: HttpRequest, obj: StatusPage | None = None) -> tuple[str, ...]:
        fields = StatusPageAdminForm.Meta.fields
        return fields if obj is None else (*fields, "shows", "editor", "id")

    def save_model(self, request: HttpRequest, obj: StatusPage, form: Any, change: bool) -> None:
        save_page(obj, form.cleaned_data, None)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        for gone in formset.deleted_forms:
            gone.instance.delete()
            formset.deleted_objects.append(gone.instance)
            touch(form.instance.pk)
        for each in formset.forms:
            if each in formset.deleted_forms or not each.has_changed():
                continue
            is_new = each.instance._state.adding
            keep_incident(form.instance, each)
            if is_new:
                formset.new_objects.append(each.instance)
            else:
                formset.changed_objects.append((each.instance, each.changed_data))

    def delete_model(self, request: HttpRequest, obj: StatusPage) -> None:
        remove_page(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[StatusPage]) -> None:
        for page in queryset:
            remove_page(page)

    @admin.display(description="Address")
    def address(self, page: StatusPage) -> SafeString:
        return format_html('<a href="/status/{}">/status/{}</a>', page.slug, page.slug)

    @admin.display(description="Monitors")
    def shown_count(self, page: Any) -> int:
        return int(page.monitors)

    @admin.display(description="Open incidents")
    def open_count(self, page: Any) -> int:
        return int(page.open)

    @admin.display(description="Subscribers")
    def listening(self, page: Any) -> int:
        return int(page.subscribed)

    @admin.display(description="Shows")
    def shows(self, page: StatusPage) -> SafeString | str:
        entries = page.entries.select_related("monitor").order_by("position", "id")
        names = [entry.name or entry.monitor.name for entry in entries]
        return ", ".join(names) or NOTHING

    @admin.display(description="Editor")
    def editor(self, page: StatusPage) -> SafeString:
        return format_html('<a href="/status-pages/{}">Monitors, groups, logo and password</a>', page.pk)


def count_of(rows: QuerySet[Any]) -> Any:
    """How many of the rows are of a page, in a statement of its own: joins would multiply each other."""
    counted = rows.filter(page=OuterRef("pk")).order_by().values("page").annotate(count=Count("pk"))
    return Coalesce(Subquery(counted.values("count"), output_field=IntegerField()), 0)


@admin.register(StatusSubscriber)
class StatusSubscriberAdmin(NounAdmin):
    """They come by themselves; here they are looked at and removed."""

    permissions = ("view", "delete")
    list_display = ("target", "kind", "page", "state", "asked", "told")
    list_select_related = ("page",)
    list_filter = ("kind",)
    ordering = ("-id",)
    fields = ("target", "kind", "page", "state", "asked", "confirmed", "told", "last_error", "id")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatusSubscriber]:
        return super().get_queryset(request).select_related("page").defer("page__logo", "page__css")

    def delete_model(self, request: HttpRequest, obj: StatusSubscriber) -> None:
        leave(obj.id)

    @admin.display(description="Address")
    def target(self, subscriber: StatusSubscriber) -> str:
        return shown_target(subscriber, whole=True)

    @admin.display(description="State")
    def state(self, subscriber: StatusSubscriber) -> str:
        return subscriber.state

    @admin.display(description="Asked at")
    def asked(self, subscriber: StatusSubscriber) -> SafeString | str:
        return moment(subscriber.asked_at)

    @admin.display(description="Confirmed at")
    def confirmed(self, subscriber: StatusSubscriber) -> SafeString | str:
        return moment(subscriber.confirmed_at)

    @admin.display(description="Last told at")
    def told(self, subscriber: StatusSubscriber) -> SafeString | str:
        return moment(subscriber.last_told_at)


# --- Maintenance -------------------------------------------------------------------------------------------


class MaintenanceAdminForm(forms.ModelForm):
    weekdays = SimpleArrayField(
        forms.IntegerField(min_value=0, max_value=6), required=False, help_text="0 is Monday: 0,2,4"
    )
    month_days = SimpleArrayField(
        forms.IntegerField(min_value=-4, max_value=31),
        required=False,
        help_text="-1 is the last day: 1,15,-1",
    )
    tags = SimpleArrayField(
        forms.CharField(max_length=64), required=False, help_text="Monitors with one of these; with commas."
    )

    class Meta:
        model = Maintenance
        fields = (
            *("organization", "title", "description", "is_active", "strategy", "timezone"),
            *("starts_at", "ends_at", "start_time", "end_time", "weekdays", "month_days", "every_days"),
            *("expression", "duration_minutes", "covers_all", "tags"),
            "tells_subscribers",
        )
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}
        help_texts = {
            "description": "In Markdown; status pages show it.",
            "timezone": "As Europe/Berlin.",
            "expression": "By cron, when it begins: 0 3 * * 0",
        }

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        if self.errors:
            return fields
        asked = Maintenance(**{name: value for name, value in fields.items() if name != "organization"})
        try:
            check_plan(plan_of(asked))
        except BadPlan as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
        return fields


@admin.register(Maintenance)
class MaintenanceAdmin(NounAdmin):
    """Single monitors are chosen on its page; here all, or those with a tag."""

    form = MaintenanceAdminForm
    list_display = ("title", "organization", "strategy", "is_active", "stands", "window")
    list_select_related = ("organization",)
    list_filter = ("strategy", "is_active")
    search_fields = ("title",)
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Maintenance]:
        return super().get_queryset(request).select_related("organization")

    def get_readonly_fields(self, request: HttpRequest, obj: Maintenance | None = None) -> tuple[str, ...]:
        return () if obj is None else ("organization", "named", "stands", "window", "id")

    def get_fields(self, request: HttpRequest, obj: Maintenance | None = None) -> tuple[str, ...]:
        fields = MaintenanceAdminForm.Meta.fields
        return fields if obj is None else (*fields, "named", "stands", "window", "id")

    def save_model(self, request: HttpRequest, obj: Maintenance, form: Any, change: bool) -> None:
        save_maintenance(obj, form.cleaned_data, None)

    @admin.display(description="Monitors that are named")
    def named(self, maintenance: Maintenance) -> SafeString | str:
        names = [monitor.name for monitor in maintenance.monitors.order_by("name", "id")]
        return ", ".join(names) or NOTHING

    @admin.display(description="Stands")
    def stands(self, maintenance: Maintenance) -> str:
        return timing_of(maintenance, now=timezone.now()).state

    @admin.display(description="This window, or the next")
    def window(self, maintenance: Maintenance) -> SafeString | str:
        window = timing_of(maintenance, now=timezone.now()).window
        if window is None or window.start.year == 1:
            return NOTHING
        end = moment(window.end) if window.end else "it is done"
        return format_html("{} to {}", moment(window.start), end)
