"""Endpoints and consumers: made by ingestion on first sight, so nobody adds or deletes them here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import NOTHING, code, link_to, moment
from monitor.models import Consumer, Endpoint, EndpointMove, ExclusionRule


@admin.register(Endpoint)
class EndpointAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("route_shown", "method", "service", "merged", "first_seen")
    list_select_related = ("service", "merged_into")
    search_fields = ("route", "service__name")
    fields = ("method", "route_shown", "service", "merged", "first_seen", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        endpoints = super().get_queryset(request).filter(service__deleted_at=None)
        return endpoints.select_related("service", "merged_into")

    @admin.display(description="Another name of")
    def merged(self, endpoint: Endpoint) -> SafeString:
        return link_to(endpoint.merged_into)

    @admin.display(description="Route")
    def route_shown(self, endpoint: Endpoint) -> SafeString:
        return code(endpoint.route)

    @admin.display(description="First seen")
    def first_seen(self, endpoint: Endpoint) -> SafeString | str:
        return moment(endpoint.first_seen_at, "clock")


@admin.register(EndpointMove)
class EndpointMoveAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("source", "target", "pattern_shown", "service", "asked", "finished", "logs")
    list_select_related = ("source", "target", "service")
    search_fields = ("source__route", "target__route", "service__name")
    fields = (
        "source",
        "target",
        "method",
        "pattern_shown",
        "service",
        "asked_by",
        "asked",
        "finished",
        "logs",
        "id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[EndpointMove]:
        moves = super().get_queryset(request).filter(service__deleted_at=None)
        return moves.select_related("source", "target", "service")

    @admin.display(description="Paths")
    def pattern_shown(self, move: EndpointMove) -> SafeString:
        return code(move.pattern) if move.pattern else NOTHING

    @admin.display(description="Asked for")
    def asked(self, move: EndpointMove) -> SafeString | str:
        return moment(move.asked_at, "clock")

    @admin.display(description="Finished")
    def finished(self, move: EndpointMove) -> SafeString | str:
        return moment(move.finished_at, "clock", otherwise="under way")


@admin.register(ExclusionRule)
class ExclusionRuleAdmin(EndlessAdmin, ReadOnlyAdmin):
    """Made and removed on the service's page, which also writes them down for ingestion."""

    list_display = ("pattern_shown", "kind", "service", "created_by", "created")
    list_select_related = ("service",)
    list_filter = ("kind",)
    search_fields = ("pattern", "service__name")
    fields = ("pattern_shown", "kind", "service", "created_by", "created", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExclusionRule]:
        return super().get_queryset(request).filter(service__deleted_at=None).select_related("service")

    @admin.display(description="Pattern")
    def pattern_shown(self, rule: ExclusionRule) -> SafeString:
        return code(rule.pattern)

    @admin.display(description="Created")
    def created(self, rule: ExclusionRule) -> SafeString | str:
        return moment(rule.created_at, "clock")


@admin.register(Consumer)
class ConsumerAdmin(EndlessAdmin):
    permissions = ("view", "change")
    list_display = ("identifier", "name", "group", "organization", "is_hidden", "first_seen")
    list_select_related = ("organization",)
    list_filter = ("is_hidden",)
    search_fields = ("identifier", "name", "group")
    fields = ("identifier", "name", "group", "is_hidden", "organization", "first_seen", "erased", "id")
    # Senders name consumers by the identifier; people may only call them something else.
    readonly_fields = ("identifier", "organization", "first_seen", "erased", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Consumer]:
        return super().get_queryset(request).select_related("organization", "erasure")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Consumer | None = None) -> bool:
        """Logs point at it, and ingestion remembers its id."""
        return False

    @admin.display(description="First seen")
    def first_seen(self, consumer: Consumer) -> SafeString | str:
        return moment(consumer.first_seen_at, "clock")

    @admin.display(description="Forgotten")
    def erased(self, consumer: Consumer) -> SafeString | str:
        """The receipt, where the consumer was forgotten."""
        erasure = getattr(consumer, "erasure", None)
        if erasure is None:
            return NOTHING
        return format_html(
            "{}, asked by {}: {} requests, {} payloads, {} replays; in {} paths, {} errors, {} tags; {}",
            moment(erasure.asked_at),
            erasure.asked_by,
            erasure.logs,
            erasure.payloads,
            erasure.replays,
            erasure.paths,
            erasure.error_texts,
            erasure.tags,
            moment(erasure.finished_at, otherwise="not finished"),
        )
