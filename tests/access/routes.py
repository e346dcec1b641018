"""Every route of the product, walked out of the URL configuration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tests.factories import UNKNOWN_ID

WELL_FORMED = {"uuid": UNKNOWN_ID, "int": "1"}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, kw_only=True)
class Route:
    """`pattern` as in urls.py, `v1/logs/<str:log_id>`, and the namespaces it lies in."""

    pattern: str
    namespaces: tuple[str, ...]
    view: Any

    @property
    def methods(self) -> list[str]:
        """The methods that an API view answers."""
        actions = getattr(self.view, "actions", None)
        known = actions if actions else [name for name in METHODS if hasattr(self.view.cls, name)]
        return [name.upper() for name in METHODS if name in known]

    def address(self, **values: object) -> str:
        """The pattern as an address, with these values for its arguments and well-formed ones for others."""

        def fill(match: re.Match[str]) -> str:
            return str(values.get(match["name"], WELL_FORMED.get(match["converter"], "x")))

        filled = re.sub(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>", fill, self.pattern)
        # What is left are the regular expressions of the admin.
        filled = re.sub(r"\(\?P<\w+>([^()|]*)[^()]*\)", r"\1", filled)
        return "/" + filled.replace("^", "").replace("$", "").replace("\\Z", "").replace(".*", "x")

    def address_of_nothing(self) -> str:
        """A well-formed address whose ids nobody has."""
        return self.address(**dict.fromkeys(re.findall(r"(\w+_id)>", self.pattern), UNKNOWN_ID))


def all_routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns, "", ()))


def _walk(patterns: list[Any], prefix: str, namespaces: tuple[str, ...]) -> Iterator[Route]:
    for each in patterns:
        pattern = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = (*namespaces, each.namespace) if each.namespace else namespaces
            yield from _walk(each.url_patterns, pattern, inner)
        elif isinstance(each, URLPattern):
            yield Route(pattern=pattern, namespaces=namespaces, view=each.callback)


API_PREFIXES = ("v1/", "otlp/")
# Their token is the key: tests/push.
PINGS = "v1/push/"


def api_routes() -> dict[str, Route]:
    return {
        route.pattern: route
        for route in all_routes()
        if route.pattern.startswith(API_PREFIXES) and not route.pattern.startswith(PINGS)
    }
