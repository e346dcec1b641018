"""Who did what: looked at here, and changed by nobody."""

from django.contrib import admin
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import as_json, code, moment
from monitor.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("happened", "actor_label", "action", "target_label", "face", "ip")
    list_filter = ("face", "actor_kind")
    search_fields = ("actor_label", "action", "target_id", "request_id")
    fields = (
        "happened",
        "actor_label",
        "actor_kind",
        "actor_id",
        "action",
        "target_type",
        "target_label",
        "target_id",
        "what_changed",
        "note",
        "face",
        "method",
        "route",
        "ip",
        "user_agent",
        "request",
        "organization_id",
    )

    @admin.display(description="Time")
    def happened(self, entry: AuditEntry) -> SafeString | str:
        return moment(entry.happened_at, "clock")

    @admin.display(description="Changes")
    def what_changed(self, entry: AuditEntry) -> SafeString:
        return as_json(entry.changes)

    @admin.display(description="Request")
    def request(self, entry: AuditEntry) -> SafeString:
        return code(entry.request_id)
