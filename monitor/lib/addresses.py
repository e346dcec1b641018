"""The addresses of lists: a page's query string with something changed."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import QueryDict

# Places in a list. Once a filter changes they mean nothing.
PLACES = ("cursor", "offset")
# What a browser may have picked for all pages: there, only an empty value says "all".
PICKED_NAMES = ("mode", "environment")


def address_with(query: QueryDict, changes: Mapping[str, object]) -> str:
    """`query` with `changes`, as `?a=1`; None and "" take a parameter out.

    A new filter begins at the newest entry again, so `cursor` and `offset` go too unless they are given.
    """
    kept = [
        (name, value)
        for name, values in query.lists()
        if name not in changes and name not in PLACES
        for value in values
    ]
    added = [(name, str(value)) for name, value in changes.items() if value not in (None, "")]
    return f"?{urlencode(kept + added)}"


def address_without(query: QueryDict, name: str) -> str:
    """`query` without what it asks of `name`; what may have been picked says that it is to be all."""
    rest = address_with(query, {name: None})
    if name not in PICKED_NAMES:
        return rest
    return f"{rest}{'&' if len(rest) > 1 else ''}{name}="
