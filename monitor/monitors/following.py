"""How pages of monitors stay true while one looks: the stream names monitors, and the page asks for their
rows."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse

from monitor.api.paths import uuid_or_none
from monitor.lib.addresses import address_with

# Where the stream is answered: see monitor.live.
STREAM = "/monitors/changes"
# Rows that a page may ask for at once.
MOST_ROWS = 100


@dataclass(frozen=True, kw_only=True)
class Following:
    """Where a page hears what changed, empty where Django alone serves and it looks now and then, and where
    the rows come from."""

    stream: str
    rows: str


def following_list(query: QueryDict) -> Following:
    """For the list, with its own filters; a row that they no longer hold is not given."""
    rows = reverse("pages:monitor-rows") + address_with(query, {"stamp": None, "cursor": None, "ids": None})
    return Following(stream=stream_of(), rows=rows)


def stream_of(monitor_id: UUID | None = None) -> str:
    if settings.WEB_INTERFACE != "asgi":
        return ""
    return STREAM if monitor_id is None else f"{STREAM}?id={monitor_id}"


def ids_in(text: str) -> list[UUID]:
    """Those that are ids, no more than MOST_ROWS."""
    found = [uuid_or_none(word) for word in text.split(",")[:MOST_ROWS]]
    return [id_ for id_ in found if id_ is not None]
