"""Plans: how much organizations may ask of this installation."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.admin.shared import NounAdmin
from monitor.admin.shown import moment
from monitor.models import Plan

LIMITS = ("key_requests", "requests", "writes", "replays", "tests", "exports", "logs")


@admin.register(Plan)
class PlanAdmin(NounAdmin):
    """Deleting one leaves its organizations with what the settings say."""

    list_display = ("name", *LIMITS, "organization_count", "created")
    search_fields = ("name",)
    fields = ("name", *LIMITS)
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        plans: QuerySet[Plan] = super().get_queryset(request)
        return plans.annotate(users=Count("organizations"))

    @admin.display(description="Organizations", ordering="users")
    def organization_count(self, plan: Any) -> int:
        count: int = plan.users
        return count

    @admin.display(description="Created at", ordering="created_at")
    def created(self, plan: Plan) -> SafeString | str:
        return moment(plan.created_at)
