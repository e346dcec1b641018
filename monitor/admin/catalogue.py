"""Endpoints and consumers: made by ingestion on first sight, so nobody adds or deletes them here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import code, moment
from monitor.models import Consumer, Endpoint


@admin.register(Endpoint)
class EndpointAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("route_shown", "method", "service", "first_seen")
    list_select_related = ("service",)
    search_fields = ("route", "service__name")
    fields = ("method", "route_shown", "service", "first_seen", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        return super().get_queryset(request).filter(service__deleted_at=None).select_related("service")

    @admin.display(description="Route")
    def route_shown(self, endpoint: Endpoint) -> SafeString:
        return code(endpoint.route)

    @admin.display(description="First seen")
    def first_seen(self, endpoint: Endpoint) -> SafeString | str:
        return moment(endpoint.first_seen_at, "clock")


@admin.register(Consumer)
class ConsumerAdmin(EndlessAdmin):
    permissions = ("view", "change")
    list_display = ("identifier", "name", "group", "organization", "first_seen")
    list_select_related = ("organization",)
    search_fields = ("identifier", "name", "group")
    fields = ("identifier", "name", "group", "organization", "first_seen", "id")
    # Senders name consumers by the identifier; people may only call them something else.
    readonly_fields = ("identifier", "organization", "first_seen", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Consumer]:
        return super().get_queryset(request).select_related("organization")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Consumer | None = None) -> bool:
        """Logs point at it, and ingestion remembers its id."""
        return False

    @admin.display(description="First seen")
    def first_seen(self, consumer: Consumer) -> SafeString | str:
        return moment(consumer.first_seen_at, "clock")
