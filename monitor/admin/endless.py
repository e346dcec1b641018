"""Lists without an end: newest first, page by page from an id, never counted."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from monitor.admin.limits import TookTooLong, time_limit
from monitor.admin.shared import NounAdmin

BEFORE, AFTER = "before", "after"
LIMIT = timedelta(seconds=5)


class EndlessChangeList(ChangeList):
    """Walks the primary key from a row that was seen, so page 1,000 costs what page 1 costs.

    Django's own list counts all rows for its page numbers and skips over the earlier pages' rows.
    """

    is_endless = True

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.cursors: dict[str, str] = {}
        self.newer_url: str | None = None
        self.older_url: str | None = None
        self.newest_url = ""
        self.took_too_long = False
        super().__init__(request, *args, **kwargs)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Model]:
        # Taken out here, so that neither filters nor the links of filters and search carry them on.
        for name in (BEFORE, AFTER):
            if name in self.params:
                self.cursors[name] = self.params.pop(name)
                del self.filter_params[name]
        return super().get_queryset(request, exclude_parameters)

    def get_results(self, request: HttpRequest) -> None:
        try:
            with time_limit(LIMIT):
                rows = self.page_of_rows()
        except TookTooLong:
            rows, self.took_too_long = [], True
        self.result_list = rows
        self.result_count = len(rows)
        # Django offers "Show all" beside the search box where the two counts differ.
        self.full_result_count = None if self.query else len(rows)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(rows)
        self.paginator = Paginator(rows, self.list_per_page)

    def page_of_rows(self) -> list[Model]:
        """Up to a page of rows, newest first, and the links to either side."""
        size = self.list_per_page
        before, after = self.cursor(BEFORE), self.cursor(AFTER)
        if after is not None:
            rows = list(self.queryset.filter(pk__gt=after).order_by("pk")[: size + 1])
            has_newer, has_older = len(rows) > size, True
            rows = rows[:size][::-1]
        else:
            older = self.queryset if before is None else self.queryset.filter(pk__lt=before)
            rows = list(older.order_by("-pk")[: size + 1])
            has_newer, has_older = before is not None, len(rows) > size
            rows = rows[:size]
        self.link(rows, has_newer=has_newer, has_older=has_older)
        return rows

    def link(self, rows: Sequence[Model], *, has_newer: bool, has_older: bool) -> None:
        self.newest_url = self.get_query_string()
        if has_newer:
            self.newer_url = self.get_query_string({AFTER: rows[0].pk} if rows else {})
        if has_older and rows:
            self.older_url = self.get_query_string({BEFORE: rows[-1].pk})

    def cursor(self, name: str) -> Any:
        """The id a page begins at, or None. Raises IncorrectLookupParameters for what is no id."""
        text = self.cursors.get(name)
        if text is None:
            return None
        try:
            return self.model._meta.pk.to_python(text)
        except ValidationError as error:
            raise IncorrectLookupParameters(error) from error


class EndlessAdmin(NounAdmin):
    """A list whose table may hold millions of rows."""

    ordering = ("-pk",)
    # Only the primary key is in order: any other column would be sorted over all rows.
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EndlessChangeList
