"""Events, webhook endpoints and deliveries: made and changed on the pages, looked at here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import block, code, moment
from monitor.models import Event, WebhookDelivery, WebhookEndpoint
from monitor.templatetags import ui


@admin.register(Event)
class EventAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("type", "happened", "organization", "mode", "environment")
    list_select_related = ("organization",)
    list_filter = ("mode",)
    search_fields = ("type",)
    fields = ("type", "happened", "organization", "mode", "environment", "service_id", "message_id", "told")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).select_related("organization")

    @admin.display(description="Happened at")
    def happened(self, event: Event) -> SafeString | str:
        return moment(event.happened_at, "clock")

    @admin.display(description="Told")
    def told(self, event: Event) -> SafeString:
        return block(event.body)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("url_shown", "organization", "mode", "is_on", "last_success", "failing_since")
    list_select_related = ("organization",)
    list_filter = ("mode",)
    search_fields = ("url", "description")
    fields = (
        "url_shown",
        "description",
        "organization",
        "enabled_events",
        "mode",
        "environment",
        "rate_limit_per_minute",
        "header_names",
        "api_version",
        "is_on",
        "disabled_reason",
        "last_success",
        "failing_since",
        "failures_in_row",
        "last_error_class",
        "id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return super().get_queryset(request).filter(deleted_at=None).select_related("organization")

    @admin.display(description="URL")
    def url_shown(self, endpoint: WebhookEndpoint) -> SafeString:
        return code(endpoint.shown_url)

    @admin.display(description="On", boolean=True)
    def is_on(self, endpoint: WebhookEndpoint) -> bool:
        return endpoint.is_active

    @admin.display(description="Last delivered")
    def last_success(self, endpoint: WebhookEndpoint) -> SafeString | str:
        return moment(endpoint.last_success_at, "relative")

    @admin.display(description="Failing since")
    def failing_since(self, endpoint: WebhookEndpoint) -> SafeString | str:
        return moment(endpoint.first_failure_at)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("event_type", "made", "status", "endpoint", "answer", "attempts")
    list_select_related = ("endpoint",)
    list_filter = ("status",)
    search_fields = ("event_type",)
    fields = (
        "event_type",
        "endpoint",
        "status",
        "trigger",
        "attempts",
        "answer",
        "last_error_class",
        "made",
        "due",
        "finished",
        "id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        return super().get_queryset(request).select_related("endpoint")

    @admin.display(description="Made at")
    def made(self, delivery: WebhookDelivery) -> SafeString | str:
        return moment(delivery.created_at, "clock")

    @admin.display(description="Answer")
    def answer(self, delivery: WebhookDelivery) -> SafeString:
        return ui.status_mark(delivery.last_status_code)

    @admin.display(description="Next attempt")
    def due(self, delivery: WebhookDelivery) -> SafeString | str:
        return moment(delivery.next_attempt_at)

    @admin.display(description="Finished at")
    def finished(self, delivery: WebhookDelivery) -> SafeString | str:
        return moment(delivery.finished_at)
