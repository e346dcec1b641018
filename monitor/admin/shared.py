"""What several nouns share: plain choices, read-only pages, deletions without a count."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin, ShowFacets
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from monitor.models import Service

# What other apps call their tables means nothing to people who manage services.
NAMES = {
    "ProcrastinateJob": "Background jobs",
    "LogEntry": "Changes made here",
    "AuditEntry": "Audit log",
}


class ServiceChoiceField(forms.ModelChoiceField):
    """A service by its name and organization: names repeat across organizations."""

    def label_from_instance(self, obj: Model) -> str:
        assert isinstance(obj, Service)  # noqa: S101 - the queryset below holds nothing else
        return f"{obj.name} ({obj.organization.name})"


class PlainChoices(BaseModelAdmin):
    """Choices without buttons that open a window to add or change what is chosen from."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        widget = getattr(field, "widget", None)
        if isinstance(widget, RelatedFieldWidgetWrapper):
            # Emptied, not taken off: the script of the two-column choice leans on its markup.
            widget.can_add_related = widget.can_change_related = False
            widget.can_delete_related = widget.can_view_related = False
        return field


class NounAdmin(PlainChoices, ModelAdmin):
    """A page for a noun of ours.

    `permissions` are those of Django's four that do something here; the others are not offered to staff.
    """

    permissions: tuple[str, ...] = ("view", "add", "change", "delete")
    # Counting rows beside each filter would run every filter over the whole table.
    show_facets = ShowFacets.NEVER

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        name = NAMES.get(self.opts.object_name or "")
        return super().changelist_view(request, {"list_name": name, **(extra_context or {})})

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offers the services that are not deleted, in the order of their names."""
        if db_field.name == "service":
            kwargs["queryset"] = (
                Service.objects.alive().select_related("organization").order_by("name", "organization__name")
            )
            kwargs["form_class"] = ServiceChoiceField
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ReadOnlyAdmin(NounAdmin):
    """Rows that this product writes itself: people look at them here and change nothing."""

    permissions: tuple[str, ...] = ("view",)
    change_form_template = "admin/read_only.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LeanDeletionAdmin(NounAdmin):
    """Asks before a deletion without loading all that goes with it: that may be millions of rows."""

    def goes_along(self, obj: Any) -> str:
        """What is deleted with the row, in words."""
        raise NotImplementedError

    def get_deleted_objects(
        self, objs: Iterable[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        rows = list(objs)
        words = [f"{row}, {self.goes_along(row)}" for row in rows]
        refused = {str(row) for row in rows if not self.has_delete_permission(request, row)}
        return words, {str(self.opts.verbose_name_plural): len(rows)}, refused, []
