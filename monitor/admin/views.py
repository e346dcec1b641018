"""Saved views: whose they are and what they search for."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from monitor.admin.shared import NounAdmin
from monitor.admin.shown import code, moment
from monitor.models import SavedView


@admin.register(SavedView)
class SavedViewAdmin(NounAdmin):
    # Made where the search is; here they are looked at, named and removed.
    permissions = ("view", "change", "delete")
    list_display = ("name", "organization", "whose", "search", "updated")
    list_select_related = ("organization", "owner")
    search_fields = ("name", "organization__name", "owner__username")
    ordering = ("-id",)
    fields = ("name", "organization", "whose", "search", "updated", "id")
    readonly_fields = ("organization", "whose", "search", "updated", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedView]:
        return super().get_queryset(request).select_related("organization", "owner")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="Whose")
    def whose(self, view: SavedView) -> str:
        return str(view.owner) if view.owner else "the team's"

    @admin.display(description="Search")
    def search(self, view: SavedView) -> SafeString:
        return code(view.query or "everything")

    @admin.display(description="Changed at")
    def updated(self, view: SavedView) -> SafeString | str:
        return moment(view.updated_at, "clock")
