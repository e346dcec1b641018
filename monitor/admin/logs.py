"""Request logs: read-only, newest first, fast however many there are."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import NOTHING, block, code, link_to, moment, pairs
from monitor.lib.payload import PayloadCorrupt, PayloadTooLarge
from monitor.lib.span_ids import span_number
from monitor.models import RequestLog, Service
from monitor.search import Window
from monitor.search.detail import LogDetail, read_detail
from monitor.search.filters import STATUS_CLASSES
from monitor.templatetags import ui

WINDOWS = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "all": ("All that is kept", None),
}
DEFAULT_WINDOW = "24h"
UNREADABLE = "The payload is damaged and cannot be shown."


class WindowFilter(admin.SimpleListFilter):
    """Always narrows: a list over all days is asked for on purpose only."""

    title = "time"
    parameter_name = "last"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in WINDOWS.items()]

    def value(self) -> str:
        chosen = super().value()
        return chosen if chosen in WINDOWS else DEFAULT_WINDOW

    def choices(self, changelist: Any) -> Any:
        """Without Django's "All" in front, which would mean the default here."""
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        length = WINDOWS[self.value()][1]
        now = timezone.now()
        window = Window.of(None if length is None else now - length, None, now=now)
        return queryset.within(window.since, window.until)  # type: ignore[attr-defined,no-any-return]


class ServiceFilter(admin.SimpleListFilter):
    title = "service"
    parameter_name = "service"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        services = Service.objects.alive().order_by("name", "id").values_list("id", "name")
        return [(str(id_), name) for id_, name in services]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {value for value, _ in self.lookup_choices}
        return queryset.filter(service_id=self.value()) if self.value() in known else queryset


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "Errors: 5xx or error text"), *STATUS_CLASSES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "failed":
            return queryset.failed()  # type: ignore[attr-defined,no-any-return]
        if self.value() in dict(STATUS_CLASSES):
            first = int(str(self.value())[0]) * 100
            return queryset.filter(status_code__gte=first, status_code__lt=first + 100)
        return queryset


@admin.register(RequestLog)
class RequestLogAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = (
        "captured_short",
        "status_shown",
        "request_shown",
        "latency",
        "service_name",
        "consumer_name",
    )
    list_display_links = ("captured_short",)
    list_filter = (WindowFilter, StatusFilter, ServiceFilter)
    # Anything here shows the box; what it finds is get_search_results' own matter.
    search_fields = ("id",)
    search_help_text = "The whole id of a log, a trace or a span. Looks through all that is kept."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "status_shown",
                    "latency",
                    "method",
                    "url_shown",
                    "error_whole",
                    "service_link",
                    "endpoint",
                    "consumer",
                    "environment",
                    "mode",
                    "tags_shown",
                    "source_ip",
                    "trace_id",
                    "id",
                    "event_id",
                    "captured",
                    "received",
                )
            },
        ),
        (
            "Request",
            {"fields": ("query_params", "request_headers", "request_body", "request_size")},
        ),
        ("Response", {"fields": ("response_headers", "response_body", "response_size")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RequestLog]:
        """All that is kept, bounded on both sides so that no partition is opened in vain."""
        window = Window.of(None, None, now=timezone.now())
        leaving = list(Service.objects.exclude(deleted_at=None).values_list("id", flat=True))
        logs = RequestLog.objects.within(window.since, window.until).with_names()
        return logs.exclude(service_id__in=leaving) if leaving else logs

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the whole id of a log, a span or a trace, each from its index; all else would read every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        logs = self.get_queryset(request).order_by("-pk")
        id_ = uuid_or_none(term)
        if id_ is not None and logs.filter(id=id_).exists():
            return logs.filter(id=id_), False
        span = span_number(term)
        if span is not None and logs.filter(span_id=span).exists():
            return logs.filter(span_id=span), False
        return logs.filter(trace_id=term), False

    def view_on_site(self, obj: RequestLog) -> str:
        return reverse("pages:log", args=[obj.id])

    def log_detail(self, log: RequestLog) -> LogDetail | None:
        """The payload, read once for the page; None when it cannot be read."""
        if not hasattr(log, "_admin_detail"):
            try:
                log._admin_detail = read_detail(log)  # type: ignore[attr-defined]
            except (PayloadCorrupt, PayloadTooLarge):
                log._admin_detail = None  # type: ignore[attr-defined]
        detail: LogDetail | None = log._admin_detail  # type: ignore[attr-defined]
        return detail

    # --- The row ---

    @admin.display(description="Time")
    def captured_short(self, log: RequestLog) -> SafeString | str:
        return moment(log.captured_at, "clock")

    @admin.display(description="Time")
    def captured(self, log: RequestLog) -> SafeString | str:
        return moment(log.captured_at)

    @admin.display(description="Received")
    def received(self, log: RequestLog) -> SafeString | str:
        return moment(log.received_at)

    @admin.display(description="Service")
    def service_name(self, log: RequestLog) -> str:
        return log.service.name

    @admin.display(description="Service")
    def service_link(self, log: RequestLog) -> SafeString:
        return link_to(log.service)

    @admin.display(description="Status")
    def status_shown(self, log: RequestLog) -> SafeString:
        return ui.status_mark(log.status_code)

    @admin.display(description="Request")
    def request_shown(self, log: RequestLog) -> SafeString:
        line = format_html('<span class="line">{} {}</span>', ui.method(log.method), code(log.path))
        if log.error is None:
            return line
        return format_html('{}<span class="line error-text">{}</span>', line, log.error[:200])

    @admin.display(description="URL")
    def url_shown(self, log: RequestLog) -> SafeString:
        return code(log.url)

    @admin.display(description="Latency")
    def latency(self, log: RequestLog) -> str:
        return ui.duration(log.latency_ms)

    @admin.display(description="Consumer")
    def consumer_name(self, log: RequestLog) -> SafeString | str:
        return str(log.consumer) if log.consumer is not None else NOTHING

    @admin.display(description="Tags")
    def tags_shown(self, log: RequestLog) -> SafeString | str:
        return ", ".join(log.tags) or NOTHING

    # --- The payload ---

    @admin.display(description="Error")
    def error_whole(self, log: RequestLog) -> SafeString:
        detail = self.log_detail(log)
        return block(log.error if detail is None else detail.error)

    @admin.display(description="Event id")
    def event_id(self, log: RequestLog) -> SafeString | str:
        detail = self.log_detail(log)
        return (detail.event_id if detail is not None else None) or NOTHING

    @admin.display(description="Query")
    def query_params(self, log: RequestLog) -> SafeString | str:
        detail = self.log_detail(log)
        return UNREADABLE if detail is None else pairs(detail.query_params)

    @admin.display(description="Headers")
    def request_headers(self, log: RequestLog) -> SafeString | str:
        detail = self.log_detail(log)
        return UNREADABLE if detail is None else pairs(detail.request_headers)

    @admin.display(description="Headers")
    def response_headers(self, log: RequestLog) -> SafeString | str:
        detail = self.log_detail(log)
        return UNREADABLE if detail is None else pairs(detail.response_headers)

    @admin.display(description="Body")
    def request_body(self, log: RequestLog) -> SafeString | str:
        detail = self.log_detail(log)
        if detail is None:
            return UNREADABLE
        return body(detail.request_body, dropped=detail.request_body_dropped)

    @admin.display(description="Body")
    def response_body(self, log: RequestLog) -> SafeString | str:
        detail = self.log_detail(log)
        if detail is None:
            return UNREADABLE
        return body(detail.response_body, dropped=detail.response_body_dropped)

    @admin.display(description="Size")
    def request_size(self, log: RequestLog) -> SafeString | str:
        detail = self.log_detail(log)
        return size(log.request_bytes, cut=detail is not None and detail.request_truncated)

    @admin.display(description="Size")
    def response_size(self, log: RequestLog) -> SafeString | str:
        detail = self.log_detail(log)
        return size(log.response_bytes, cut=detail is not None and detail.response_truncated)


def uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def body(text: str | None, *, dropped: bool) -> SafeString | str:
    return "Not kept: the service's settings say so." if dropped else block(text)


def size(bytes_sent: int | None, *, cut: bool) -> SafeString | str:
    """How large the body was when it was sent."""
    if bytes_sent is None:
        return NOTHING
    return format_html("{} bytes{}", f"{bytes_sent:,}", "; what is kept was cut" if cut else "")
