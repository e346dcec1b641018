"""What was changed through this admin, and by whom. Names and ids only: no secret is ever written here."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import moment


@admin.register(LogEntry)
class LogEntryAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("happened", "user", "what", "content_type", "object_repr", "details")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    fields = ("happened", "user", "what", "content_type", "object_repr", "object_id", "details")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        return super().get_queryset(request).select_related("user", "content_type")

    @admin.display(description="Time")
    def happened(self, entry: LogEntry) -> SafeString | str:
        return moment(entry.action_time, "clock")

    @admin.display(description="Action")
    def what(self, entry: LogEntry) -> str:
        return entry.get_action_flag_display()

    @admin.display(description="Details")
    def details(self, entry: LogEntry) -> str:
        return entry.get_change_message()
