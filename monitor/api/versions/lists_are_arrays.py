"""2026-11-21: lists are bare arrays. Before, they were an object with `data`, `next` and `total_count`."""

import re

from rest_framework.response import Response

WORDS = (
    "Lists are bare JSON arrays. The next page stands in the header Link (RFC 8288) and the count that"
    ' count=exact asks for in X-Total-Count. Before, a list was {"data": [...], "next": "https://…" or null,'
    ' "total_count": 12 or null}.'
)
NEXT = re.compile(r'<([^>]*)>; rel="next"')


def tell_as_before(response: Response) -> None:
    """Put the pages of a list into an envelope. Arrays that have no pages are as they were."""
    view = getattr(response, "renderer_context", {}).get("view")
    if response.status_code != 200 or not isinstance(response.data, list):
        return
    if getattr(view, "pagination_class", None) is None:
        return
    following = NEXT.search(response.get("Link", ""))
    total = response.get("X-Total-Count")
    response.data = {
        "data": response.data,
        "next": following[1] if following else None,
        "total_count": int(total) if total is not None else None,
    }
