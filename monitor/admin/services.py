"""Services: registered, changed and removed by the same verbs as through the API."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.admin.shared import LeanDeletionAdmin
from monitor.admin.shown import list_of, moment
from monitor.lib.outbound import UnusableUrl, origin_of
from monitor.models import ApiKey, RequestLog, Service
from monitor.services import NameTaken, change_service, register_service, remove_service

TAKEN = "The organization has a service of this name already."


def origin(value: str) -> str:
    """The origin of an http(s) address. Raises ValidationError."""
    try:
        return origin_of(value)
    except UnusableUrl as error:
        raise ValidationError(str(error)) from None


class ServiceForm(forms.ModelForm):
    replay_origins = SimpleArrayField(
        forms.CharField(max_length=300),
        delimiter="\n",
        required=False,
        max_length=50,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, as https://staging.example.com. Replays may go there too.",
    )

    class Meta:
        model = Service
        fields = (
            "organization",
            "name",
            "description",
            "base_url",
            "keep_bodies",
            "replay_origins",
            "retention_days",
            "error_retention_days",
        )
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}
        help_texts = {
            "base_url": "http or https. Replays may go to its origin.",
            "keep_bodies": "Headers and everything else are kept either way.",
            "retention_days": "Days that logs are kept. Empty: as its organization says, or as installed.",
            "error_retention_days": "Days that requests which failed are kept. Empty: as long as the others.",
        }

    def clean_base_url(self) -> str:
        value: str = self.cleaned_data["base_url"]
        if value:
            origin(value)
        return value

    def clean_replay_origins(self) -> list[str]:
        return [origin(value) for value in self.cleaned_data["replay_origins"] or []]

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        organization = fields.get("organization") or getattr(self.instance, "organization", None)
        # The promise is conditional on a field that the form lacks, so Django leaves it unchecked.
        taken = Service.objects.alive().filter(organization=organization, name=fields.get("name"))
        if organization is not None and taken.exclude(pk=self.instance.pk).exists():
            self.add_error("name", TAKEN)
        inherited = getattr(organization, "retention_days", None) or settings.RETENTION_DAYS
        least = fields.get("retention_days") or inherited
        if (fields.get("error_retention_days") or least) < least:
            words = f"Errors are kept at least as long as other logs: {least} days."
            self.add_error("error_retention_days", words)
        return fields


@admin.register(Service)
class ServiceAdmin(LeanDeletionAdmin):
    form = ServiceForm
    list_display = ("name", "organization", "base_url", "usable_keys", "last_seen", "logs")
    list_filter = ("organization", "keep_bodies")
    list_select_related = ("organization",)
    search_fields = ("name", "description", "base_url")
    ordering = ("name", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Service]:
        return super().get_queryset(request).filter(deleted_at=None)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # Counted for the list alone: a service's own page and choices of services go without.
        return super().get_search_results(request, with_use(queryset), search_term)

    def get_readonly_fields(self, request: HttpRequest, obj: Service | None = None) -> tuple[str, ...]:
        """A service stays in its organization: its keys and logs are that one's."""
        return () if obj is None else ("organization", "id", "created")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except NameTaken:  # by someone else, since the form looked
            self.message_user(request, TAKEN, messages.ERROR)
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.cleaned_data}
        if change:
            change_service(obj, **values)
        else:
            register_service(id=obj.id, **values)

    def delete_model(self, request: HttpRequest, obj: Service) -> None:
        remove_service(obj, now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        for service in queryset:
            remove_service(service, now=timezone.now())

    def goes_along(self, obj: Service) -> str:
        return "with its keys, logs, alerts and replays"

    @admin.display(description="Keys in use", ordering="key_count")
    def usable_keys(self, service: Any) -> SafeString:
        address = list_of(ApiKey, service__id__exact=service.id)
        return format_html('<a href="{}">{}</a>', address, service.key_count)

    @admin.display(description="Last seen", ordering="key_used_at")
    def last_seen(self, service: Any) -> SafeString | str:
        return moment(service.key_used_at, "relative", otherwise="never")

    @admin.display(description="Logs")
    def logs(self, service: Service) -> SafeString:
        return format_html('<a href="{}">Logs</a>', list_of(RequestLog, service=service.id))

    @admin.display(description="Created at")
    def created(self, service: Service) -> SafeString | str:
        return moment(service.created_at)


def with_use(services: QuerySet[Service]) -> QuerySet[Service]:
    """Adds `key_count` and `key_used_at`, when one of its keys was last used, to the minute.

    Not the newest log: for a silent service among busy ones PostgreSQL walks all logs from the newest on
    (0.3 s at 1.5 million, tried), and a key's last use tells the same.
    """
    usable = Q(keys__revoked_at=None) & (Q(keys__expires_at=None) | Q(keys__expires_at__gt=timezone.now()))
    return services.annotate(key_count=Count("keys", filter=usable), key_used_at=Max("keys__last_used_at"))
