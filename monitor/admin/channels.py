"""Channels and what they were told: made and changed on the pages, looked at here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import as_json, moment
from monitor.models import NotificationChannel, NotificationDelivery


@admin.register(NotificationChannel)
class NotificationChannelAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = (
        "name",
        "kind",
        "organization",
        "is_active",
        "last_success",
        "failing_since",
    )
    list_select_related = ("organization",)
    list_filter = ("kind", "is_active")
    search_fields = ("name",)
    fields = (
        *("name", "kind", "organization", "options", "is_active", "is_default"),
        *("services", "severities", "environments", "subjects"),
        *("quiet_from", "quiet_until", "quiet_zone", "quiet_days", "critical_wakes"),
        *("last_success", "failing_since", "failures_in_row", "last_error", "id"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationChannel]:
        return super().get_queryset(request).select_related("organization")

    @admin.display(description="Options")
    def options(self, channel: NotificationChannel) -> SafeString:
        return as_json(channel.config)

    @admin.display(description="Last told")
    def last_success(self, channel: NotificationChannel) -> SafeString | str:
        return moment(channel.last_success_at, "relative")

    @admin.display(description="Failing since")
    def failing_since(self, channel: NotificationChannel) -> SafeString | str:
        return moment(channel.first_failure_at)


@admin.register(NotificationDelivery)
class NotificationDeliveryAdmin(EndlessAdmin, ReadOnlyAdmin):
    list_display = ("what", "made", "status", "channel", "attempts", "last_error")
    list_select_related = ("channel", "notification")
    list_filter = ("status",)
    fields = (
        *("what", "message", "channel", "status", "trigger", "attempts", "last_error"),
        *("made", "due", "finished", "id"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationDelivery]:
        return super().get_queryset(request).select_related("channel", "notification")

    @admin.display(description="Notification")
    def what(self, delivery: NotificationDelivery) -> str:
        return delivery.notification.title

    @admin.display(description="Message")
    def message(self, delivery: NotificationDelivery) -> str:
        return delivery.notification.message

    @admin.display(description="Made at")
    def made(self, delivery: NotificationDelivery) -> SafeString | str:
        return moment(delivery.created_at, "clock")

    @admin.display(description="Next attempt")
    def due(self, delivery: NotificationDelivery) -> SafeString | str:
        return moment(delivery.next_attempt_at)

    @admin.display(description="Finished at")
    def finished(self, delivery: NotificationDelivery) -> SafeString | str:
        return moment(delivery.finished_at)
