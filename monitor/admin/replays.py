"""Replays: who sent what again, where to, and what came back."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import NOTHING, as_json, block, code, link_to, moment, pairs
from monitor.models import Replay, RequestLog
from monitor.templatetags import ui


@admin.register(Replay)
class ReplayAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("replayed", "service", "answer", "method", "url_shown", "took", "replayed_by")
    list_select_related = ("service",)
    list_filter = ("status",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "replayed",
                    "replayed_by",
                    "source_ip",
                    "service",
                    "original",
                    "method",
                    "url_shown",
                    "overrides_shown",
                    "omitted",
                )
            },
        ),
        (
            "Answer",
            {
                "fields": (
                    "status",
                    "answer",
                    "took",
                    "error_shown",
                    "headers",
                    "body",
                    "is_cut",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Replay]:
        return super().get_queryset(request).filter(service__deleted_at=None).select_related("service")

    @admin.display(description="Replayed at")
    def replayed(self, replay: Replay) -> SafeString | str:
        return moment(replay.replayed_at, "clock")

    @admin.display(description="URL")
    def url_shown(self, replay: Replay) -> SafeString:
        return code(replay.url)

    @admin.display(description="Status")
    def answer(self, replay: Replay) -> SafeString:
        return ui.status_mark(replay.status_code)

    @admin.display(description="Latency")
    def took(self, replay: Replay) -> str:
        return ui.duration(replay.latency_ms)

    @admin.display(description="Original")
    def original(self, replay: Replay) -> SafeString:
        """The log may have aged out since."""
        return link_to(RequestLog(id=replay.original_log_id), replay.original_log_id)

    @admin.display(description="Overrides")
    def overrides_shown(self, replay: Replay) -> SafeString:
        return as_json(replay.overrides)

    @admin.display(description="Left out, being masked")
    def omitted(self, replay: Replay) -> SafeString | str:
        return ", ".join([*replay.omitted_headers, *replay.omitted_params]) or NOTHING

    @admin.display(description="Error")
    def error_shown(self, replay: Replay) -> SafeString:
        return block(replay.error)

    @admin.display(description="Headers")
    def headers(self, replay: Replay) -> SafeString:
        return pairs(replay.response_headers)

    @admin.display(description="Body")
    def body(self, replay: Replay) -> SafeString:
        return block(replay.response_body)

    @admin.display(description="Body cut", boolean=True)
    def is_cut(self, replay: Replay) -> bool:
        return replay.response_truncated
