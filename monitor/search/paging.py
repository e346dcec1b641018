"""Pages of a search for the API: as other lists, and honest about how far the search came."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.errors import NARROW, TooMuchToRead
from monitor.api.keyset import Cursor, Page, cut_page
from monitor.api.paging import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    MAX_OFFSET,
    KeysetPagination,
    cursor_from,
    wants_count,
    whole_number,
)
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.models import RequestLog
from monitor.search.finding import Finding, Search, find

# What counting and skipping may take, which have to look at every row.
PATIENCE = timedelta(seconds=10)
SEARCH_COMPLETE = OpenApiParameter(
    "X-Search-Complete",
    OpenApiTypes.BOOL,
    OpenApiParameter.HEADER,
    response=[200],
    description="Whether the page is full or everything was searched. If false, the time was over before, and"
    " Link rel=next continues.",
)
Answer = TypeVar("Answer")


class SearchPagination(KeysetPagination):
    """Reads a Search in place of a queryset."""

    def paginate_search(self, search: Search, request: Request) -> list[RequestLog]:
        params = request.query_params
        self.request = request
        self.limit = whole_number(params, "limit", DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
        offset = whole_number(params, "offset", 0, least=0, most=MAX_OFFSET)
        cursor = cursor_from(params)
        wanted = wants_count(params)
        if search.phrases and (wanted or offset):
            name = "count" if wanted else "offset"
            raise ValidationError({name: "A search for quoted text goes by cursor alone: see Link."})
        self.total = patiently("count", search.logs.count) if wanted else None
        self.is_complete = True
        if offset:
            self.page = patiently(
                "offset", lambda: cut_page(search.logs, limit=self.limit, cursor=cursor, offset=offset)
            )
        else:
            self.page = self.take(found(search, limit=self.limit, cursor=cursor))
        return self.page.rows

    def take(self, finding: Finding) -> Page[RequestLog]:
        self.is_complete = finding.is_complete
        return finding.page

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        response["X-Search-Complete"] = "true" if self.is_complete else "false"
        return response


def found(search: Search, *, limit: int, cursor: Cursor | None) -> Finding:
    """What `find` gives, which keeps its own time."""
    try:
        return find(search, limit=limit, cursor=cursor)
    except TookTooLong:
        raise TooMuchToRead(f"Not even a part of this can be searched in time. {NARROW}") from None


def patiently(name: str, look: Callable[[], Answer]) -> Answer:
    """What `look` gives within PATIENCE. Raises TooMuchToRead, which names the parameter at fault."""
    try:
        with time_limit(PATIENCE):
            return look()
    except TookTooLong:
        raise TooMuchToRead(f"{name} takes longer than {PATIENCE.seconds} seconds here. {NARROW}") from None
