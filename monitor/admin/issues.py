"""Error issues: made by grouping, seen to on their pages; here operators look at them and remove them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import LeanDeletionAdmin
from monitor.admin.shown import NOTHING, code, moment
from monitor.models import ErrorIssue


@admin.register(ErrorIssue)
class ErrorIssueAdmin(EndlessAdmin, LeanDeletionAdmin):
    permissions = ("view", "delete")
    change_form_template = "admin/read_only.html"
    list_display = ("message_shown", "field", "endpoint", "service", "state", "requests", "last_seen")
    list_select_related = ("service", "endpoint")
    list_filter = ("state", "kind")
    search_fields = ("message", "field", "service__name")
    fields = (
        "message_shown",
        "field",
        "kind",
        "endpoint",
        "service",
        "mode",
        "state",
        "changed",
        "is_reported",
        "requests",
        "consumers",
        "first_seen",
        "last_seen",
        "sample_ids",
        "fingerprint",
        "id",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ErrorIssue]:
        issues = super().get_queryset(request).filter(service__deleted_at=None)
        return issues.select_related("service", "endpoint")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def goes_along(self, obj: Any) -> str:
        return "with its hours and consumers; it comes back when a request fails that way again"

    @admin.display(description="Message")
    def message_shown(self, issue: ErrorIssue) -> SafeString:
        return code(issue.message)

    @admin.display(description="State changed")
    def changed(self, issue: ErrorIssue) -> SafeString | str:
        at = moment(issue.state_changed_at)
        return format_html_join(
            "", "{}{}", [(at, f" by {issue.state_changed_by}" if issue.state_changed_by else "")]
        )

    @admin.display(description="First seen")
    def first_seen(self, issue: ErrorIssue) -> SafeString | str:
        return moment(issue.first_seen_at)

    @admin.display(description="Last seen")
    def last_seen(self, issue: ErrorIssue) -> SafeString | str:
        return moment(issue.last_seen_at, "clock")

    @admin.display(description="Samples")
    def sample_ids(self, issue: ErrorIssue) -> SafeString:
        return format_html_join(" ", "<code>{}</code>", [(id_,) for id_ in issue.samples]) or NOTHING
