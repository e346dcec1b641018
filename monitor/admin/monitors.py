"""Monitors, their proxies and tags, and every check: made and changed on the pages, looked at here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import as_json, code, moment
from monitor.lib import payload
from monitor.lib.ids import moment_of
from monitor.models import Beat, Monitor, MonitorProxy, MonitorTag
from monitor.monitors.words import STATE_WORDS, state_of


@admin.register(Monitor)
class MonitorAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("name", "kind", "state", "organization", "service", "checked")
    list_select_related = ("organization", "service", "standing")
    list_filter = ("kind", "is_active")
    search_fields = ("name", "description")
    fields = (
        "name",
        "kind",
        "state",
        "organization",
        "service",
        "parent",
        "proxy",
        "options",
        "is_active",
        "interval_s",
        "timeout_s",
        "max_retries",
        "regions",
        "tags",
        "checked",
        "id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Monitor]:
        monitors = super().get_queryset(request)
        return monitors.select_related("organization", "service", "standing", "parent", "proxy")

    @admin.display(description="State")
    def state(self, monitor: Monitor) -> str:
        return STATE_WORDS[state_of(monitor, now=timezone.now())]

    @admin.display(description="Checked")
    def checked(self, monitor: Monitor) -> SafeString | str:
        return moment(monitor.standing.last_beat_at, "relative")

    @admin.display(description="Options")
    def options(self, monitor: Monitor) -> SafeString:
        # Masked as they are kept; the sealed column is nobody's to see.
        return as_json(monitor.config)


@admin.register(MonitorProxy)
class MonitorProxyAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("name", "url_shown", "organization")
    list_select_related = ("organization",)
    search_fields = ("name",)
    fields = ("name", "url_shown", "username", "has_password", "organization", "id")

    @admin.display(description="URL")
    def url_shown(self, proxy: MonitorProxy) -> SafeString:
        return code(proxy.url)

    @admin.display(description="Password", boolean=True)
    def has_password(self, proxy: MonitorProxy) -> bool:
        return proxy.sealed is not None


@admin.register(MonitorTag)
class MonitorTagAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("name", "organization")
    list_select_related = ("organization",)
    search_fields = ("name",)
    fields = ("name", "organization", "id")


@admin.register(Beat)
class BeatAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("monitor", "at", "state", "region", "response_ms", "message")
    list_select_related = ("monitor",)
    list_filter = ("state", "is_important")
    fields = ("monitor", "at", "state", "is_important", "region", "response_ms", "message", "kept", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Beat]:
        return super().get_queryset(request).select_related("monitor")

    @admin.display(description="Checked at")
    def at(self, beat: Beat) -> SafeString | str:
        return moment(moment_of(beat.id), "clock")

    @admin.display(description="What was kept")
    def kept(self, beat: Beat) -> SafeString:
        return as_json(payload.unpack(beat.detail) if beat.detail else None)
