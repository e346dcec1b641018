"""How lists are cut: bare arrays, newest first, by `limit` and `offset` or by `cursor`.

`Link` (RFC 8288) names the next page; `count=exact` adds `X-Total-Count`.
"""

from typing import Any

from django.http import QueryDict
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.keyset import Cursor, cut_page

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_OFFSET = 10_000_000


def whole_number(params: QueryDict, name: str, default: int, *, least: int, most: int) -> int:
    raw = params.get(name)
    if raw is None or raw == "":
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 9 and least <= int(raw) <= most):
        raise ValidationError({name: f"Must be a whole number from {least} to {most}."})
    return int(raw)


def wants_count(params: QueryDict) -> bool:
    """Whether X-Total-Count is asked for; it costs a look at every row that the filters leave."""
    asked = params.get("count")
    if asked not in (None, "", "exact"):
        raise ValidationError({"count": "Must be 'exact', or left out."})
    return asked == "exact"


def cursor_from(params: QueryDict) -> Cursor | None:
    """Where the page begins, or None for the newest."""
    raw = params.get("cursor")
    if not raw:
        return None
    try:
        return Cursor.read(raw)
    except ValueError:
        raise ValidationError({"cursor": "Must be a cursor from a Link header."}) from None


class KeysetPagination(BasePagination):
    """Cuts a queryset ordered by `-id`. Its ids carry the time, so a cursor is an id."""

    display_page_controls = False

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        params = request.query_params
        self.request = request
        self.limit = whole_number(params, "limit", DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
        offset = whole_number(params, "offset", 0, least=0, most=MAX_OFFSET)
        self.total = queryset.count() if wants_count(params) else None
        self.page = cut_page(queryset, limit=self.limit, cursor=cursor_from(params), offset=offset)
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        response = Response(data)
        if self.total is not None:
            response["X-Total-Count"] = str(self.total)
        if self.page.older is not None:
            params = self.request.query_params.copy()
            params.pop("offset", None)
            params["cursor"] = str(self.page.older)
            address = self.request.build_absolute_uri(f"{self.request.path}?{params.urlencode()}")
            response["Link"] = f'<{address}>; rel="next"'
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        integer = {"type": "integer"}
        return [
            _query(
                "limit",
                {**integer, "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
                "Rows on a page.",
            ),
            _query("offset", {**integer, "minimum": 0, "maximum": MAX_OFFSET, "default": 0}, "Rows to skip."),
            _query(
                "cursor", {"type": "string", "format": "uuid"}, "Where the page begins, from a Link header."
            ),
            _query("count", {"type": "string", "enum": ["exact"]}, "Asks for X-Total-Count."),
        ]


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
