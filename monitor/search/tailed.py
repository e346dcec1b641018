"""How the log table follows the live tail: the stream tells ids, and the page asks for their rows."""

from dataclasses import dataclass
from math import isfinite
from uuid import UUID

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse

from monitor.lib.addresses import address_with

# Where the stream is answered: see monitor.tail.
STREAM = "/v1/logs/tail"


@dataclass(frozen=True, kw_only=True)
class Tail:
    """The stream of what the page shows, and where the rows of new logs come from."""

    address: str
    rows: str


def has_tail() -> bool:
    """Django alone, in threads, cannot hold a stream for each reader: the page then looks now and then."""
    return bool(settings.WEB_INTERFACE == "asgi")


def tail_of(query: QueryDict) -> Tail:
    # What is new lies in any window that reaches up to now.
    filters = address_with(query, {"live": None, "window": None, "fields": "id"})
    return Tail(address=STREAM + filters, rows=reverse("pages:log-rows") + address_with(query, {}))


def read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def read_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None
