"""Each part of a status page as bytes: the page, its JSON, its feeds, its looks."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.safestring import SafeString

from monitor.charts import Beat as Bar
from monitor.charts import heartbeat
from monitor.lib.rich_text import as_html, as_text
from monitor.models import StatusPage
from monitor.status.answers import Answer
from monitor.status.cards import by_day, incident_card
from monitor.status.history import HISTORY, history_html, is_history
from monitor.status.places import Place
from monitor.status.statuspage import (
    components_of,
    incidents_of,
    maintenances_of,
    moment,
    newest_change,
    status_of,
    summary_of,
    unresolved_of,
)
from monitor.status.view import (
    ALL_DOWN,
    INCIDENT_DAYS,
    OVERALL_WORDS,
    WORDS,
    Day,
    Level,
    Part,
    Public,
    public_view,
)
from monitor.status.words import percent_of, span_words

HTML = "text/html; charset=utf-8"
JSON = "application/json"
# The bars are what readers come for; in lists of monitors they are lower.
BAR_HEIGHT = 36
PILLS = {
    Level.OPERATIONAL: "pill-good",
    Level.DEGRADED: "pill-warn",
    Level.PARTIAL: "pill-warn",
    Level.DOWN: "pill-bad",
    Level.MAINTENANCE: "pill-info",
    Level.UNKNOWN: "",
}


class NoSuchPart(LookupError):
    """The page has none of that name, as a logo that was never given."""


def render(page: StatusPage, part: str, *, place: Place, now: datetime) -> Answer:
    """A part by its path below the page's address. Raises NoSuchPart."""
    if part == "style.css":
        return Answer.of(page.css.encode(), "text/css; charset=utf-8")
    if part == "logo":
        if page.logo is None:
            raise NoSuchPart(part)
        return Answer.of(bytes(page.logo), page.logo_type)
    if is_history(part):
        told = history_html(page, part, place=place, now=now)
        if told is None:
            raise NoSuchPart(part)
        return Answer.of(told, HTML)
    make = PARTS.get(part)
    if make is None:
        raise NoSuchPart(part)
    body, content_type = make(public_view(page, now=now), place)
    return Answer.of(body, content_type)


# --- The page ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Row:
    part: Part
    words: str
    pill: str
    bar: SafeString


def page_html(view: Public, place: Place) -> tuple[bytes, str]:
    return render_to_string("status/public.html", page_context(view, place)).encode(), HTML


def page_context(view: Public, place: Place) -> dict[str, Any]:
    """What the page's template knows; the editor's preview is made of the same."""
    page = view.page
    return {
        "page": page,
        "place": place,
        "view": view,
        "description": as_html(page.description),
        "words": OVERALL_WORDS[view.level],
        "level": view.level,
        "groups": [(group.name, [row_of(part, page.days) for part in group.parts]) for group in view.groups],
        "open_incidents": [incident_card(each) for each in view.open_incidents],
        "past": by_day(view.past_incidents),
        "announcements": [(each, as_html(each.description)) for each in view.announcements],
        "incident_days": INCIDENT_DAYS,
    }


def row_of(part: Part, count: int) -> Row:
    days = [bar_of(day) for day in part.days]
    bar = heartbeat(days, label=f"{part.name}, the last {count} days", height=BAR_HEIGHT)
    return Row(part=part, words=WORDS[part.level], pill=PILLS[part.level], bar=bar)


def bar_of(day: Day) -> Bar:
    date = f"{day.date:%d %b %Y}"
    if day.uptime is None:
        if day.maintenance_ms:
            return Bar(state="maintenance", label=f"{date}: maintenance")
        return Bar(state="unknown", label=f"{date}: no data")
    words = f"{date}: {percent_of(day.uptime)} up"
    if day.uptime == 1:
        return Bar(state="up", label=words)
    return Bar(state="down" if day.uptime <= ALL_DOWN else "slow", label=words)


# --- JSON and feeds ----------------------------------------------------------------------------------------


def statuspage_json(
    make: Callable[..., dict[str, Any]], **asked: bool
) -> Callable[[Public, Place], tuple[bytes, str]]:
    def made(view: Public, place: Place) -> tuple[bytes, str]:
        return json.dumps(make(view, address=place.address, **asked)).encode(), JSON

    return made


def page_json(view: Public, place: Place) -> tuple[bytes, str]:
    """Ours: what the page shows, with its days."""
    told = {
        "name": view.page.name,
        "status": view.level,
        "updated_at": moment(newest_change(view)),
        "groups": [
            {"name": group.name, "parts": [part_json(part) for part in group.parts]} for group in view.groups
        ],
    }
    return json.dumps(told).encode(), JSON


def part_json(part: Part) -> dict[str, Any]:
    return {
        "id": str(part.id),
        "name": part.name,
        "status": part.level,
        "uptime": part.uptime,
        "days": [{"date": day.date.isoformat(), "uptime": day.uptime} for day in part.days],
    }


def feed(kind: type[Rss201rev2Feed | Atom1Feed], name: str) -> Callable[[Public, Place], tuple[bytes, str]]:
    def make(view: Public, place: Place) -> tuple[bytes, str]:
        made = kind(
            title=view.page.name,
            link=place.address,
            description=as_text(view.page.description) or f"How {view.page.name} stands.",
            feed_url=f"{place.address.rstrip('/')}/{name}",
            language="en",
        )
        for item in feed_items(view, place):
            made.add_item(**item)
        return made.writeString("utf-8").encode(), f"{kind.content_type.partition(';')[0]}; charset=utf-8"

    return make


def feed_items(view: Public, place: Place) -> list[dict[str, Any]]:
    """Incidents and maintenance, newest first. An item's id never changes, its text grows."""
    items = [
        {
            "title": f"{each.title}: {each.get_status_display()}",
            "link": f"{place.address}#{each.id}",
            "unique_id": f"urn:uuid:{each.id}",
            "description": "".join(
                f"<p>{update.created_at:%d %b %Y %H:%M} UTC, {update.get_status_display()}</p>"
                f"{as_html(update.body)}"
                for update in each.updates.all()
            ),
            "pubdate": each.started_at,
            "updateddate": each.updated_at,
        }
        for each in (*view.open_incidents, *view.past_incidents)
    ]
    items += [
        {
            "title": f"Maintenance: {each.title}",
            "link": f"{place.address}#{each.id}",
            # A window that comes again is news again.
            "unique_id": f"urn:uuid:{each.id}:{each.window.start:%Y%m%dT%H%M}",
            "description": f"<p>{span_words(each.window)}</p>{as_html(each.description)}",
            "pubdate": each.updated_at,
            "updateddate": each.updated_at,
        }
        for each in view.announcements
    ]
    return sorted(items, key=lambda item: item["updateddate"], reverse=True)


PARTS: Mapping[str, Callable[[Public, Place], tuple[bytes, str]]] = {
    "": page_html,
    "api/v2/summary.json": statuspage_json(summary_of),
    "api/v2/status.json": statuspage_json(status_of),
    "api/v2/components.json": statuspage_json(components_of),
    "api/v2/incidents.json": statuspage_json(incidents_of),
    "api/v2/incidents/unresolved.json": statuspage_json(unresolved_of),
    "api/v2/scheduled-maintenances.json": statuspage_json(maintenances_of),
    "api/v2/scheduled-maintenances/active.json": statuspage_json(maintenances_of, is_open=True),
    "api/v2/scheduled-maintenances/upcoming.json": statuspage_json(maintenances_of, is_open=False),
    "status.json": page_json,
    "feed.rss": feed(Rss201rev2Feed, "feed.rss"),
    "feed.atom": feed(Atom1Feed, "feed.atom"),
}
ALL_PARTS = (*PARTS, "style.css", "logo", HISTORY)


def is_part(part: str) -> bool:
    """Whether a page may have it; months of its history are parts, too."""
    return part in ALL_PARTS or is_history(part)
