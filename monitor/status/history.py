"""What a page told before: a page for each month in which an incident began."""

import re
from collections.abc import Mapping
from datetime import MAXYEAR, UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.template.loader import render_to_string

from monitor.models import StatusIncident, StatusPage
from monitor.status.cards import by_day
from monitor.status.places import Place
from monitor.status.view import with_updates

HISTORY = "history"
MOST_A_MONTH = 200
MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


def is_history(part: str) -> bool:
    name, _, month = part.partition("/")
    return name == HISTORY and (not month or MONTH.fullmatch(month) is not None)


def history_html(page: StatusPage, part: str, *, place: Place, now: datetime) -> bytes | None:
    """The newest month, or the one that is named. None for one without an incident: there are as many pages
    as there is to read, whatever months somebody asks for."""
    month = part.partition("/")[2]
    since = beginning_of(month) if month else newest(page.incidents.all(), now=now)
    within = page.incidents.filter(started_at__gte=since, started_at__lt=following(since))
    found = list(with_updates(within).order_by("-started_at", "-id")[:MOST_A_MONTH])
    if month and not found:
        return None
    return render_to_string("status/history.html", context(page, place, since, found)).encode()


def context(
    page: StatusPage, place: Place, since: datetime, found: list[StatusIncident]
) -> Mapping[str, Any]:
    earlier = page.incidents.filter(started_at__lt=since).order_by("-started_at").first()
    later = page.incidents.filter(started_at__gte=following(since)).order_by("started_at").first()
    return {
        "page": page,
        "place": place,
        "since": since,
        "past": by_day(found),
        "earlier": earlier and month_of(earlier.started_at),
        "later": later and month_of(later.started_at),
    }


def newest(incidents: QuerySet[StatusIncident], *, now: datetime) -> datetime:
    last = incidents.order_by("-started_at").first()
    return month_of(last.started_at if last else now)


def month_of(moment: datetime) -> datetime:
    """Its first moment, in UTC as all days of a status page."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def beginning_of(month: str) -> datetime:
    # The year 0 is none: what is asked for then is empty, as any month before there were computers.
    return datetime(max(int(month[:4]), 1), int(month[5:]), 1, tzinfo=UTC)


def following(since: datetime) -> datetime:
    """The first moment of the next month; of the last one that there is its own."""
    if (since.year, since.month) == (MAXYEAR, 12):
        return since
    return since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
