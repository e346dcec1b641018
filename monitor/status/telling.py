"""What subscribers are told: each update of an incident, and maintenance that is planned, begins or ends.

A notice and its deliveries come about in the transaction of what they tell of.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from monitor.models import (
    Maintenance,
    StatusIncident,
    StatusNotice,
    StatusPage,
    StatusSubscriber,
    StatusUpdate,
)
from monitor.models.maintenance import MaintenanceStrategy
from monitor.models.status_pages import IncidentStatus
from monitor.models.status_subscribers import NoticeKind, SubscriberKind
from monitor.monitors.maintenance import plan_of
from monitor.monitors.windows import next_window
from monitor.status.places import place_of
from monitor.status.statuspage import incident as incident_json
from monitor.status.statuspage import moment, scheduled, status_of
from monitor.status.subscribing import deliver_to, listening_to
from monitor.status.view import Announcement, Public, announcements_of, public_view
from monitor.status.words import span_words

logger = logging.getLogger(__name__)
# A plan that comes again sooner is told once for each window, when it begins: three letters of every night
# are read by nobody.
LEAST_PAUSE = timedelta(days=6)
# One that comes several times a day is told of once a day.
LEAST_BETWEEN = timedelta(hours=20)
START = "%Y%m%dT%H%M%S"
# What ended while nobody looked is told so late, and no later.
LATEST_END = timedelta(days=1)
EVERYBODY: Collection[str] = SubscriberKind.values
# Who reads of every night that it began knows when it ends. A program that follows states would have it go on
# for ever.
WEBHOOKS: Collection[str] = (SubscriberKind.WEBHOOK,)
ONCE = frozenset({MaintenanceStrategy.MANUAL, MaintenanceStrategy.ONCE})


def tell_update(update: StatusUpdate, *, is_first: bool, now: datetime) -> int:
    """How many subscribers are told, in this transaction. A page that nobody can open tells nothing."""
    page = update.incident.page
    to = listening_to(page.id) if page.is_published else []
    if not to:
        return 0
    newest_first = Prefetch("updates", StatusUpdate.objects.order_by("-created_at", "-id"))
    incident = StatusIncident.objects.prefetch_related(newest_first).get(id=update.incident_id)
    view, address = public_view(page, now=now), place_of(page).address
    notice = StatusNotice.objects.create(
        page=page,
        incident=incident,
        kind=kind_of(update, is_first=is_first),
        key=f"update:{update.id.hex}",
        thread=f"incident:{incident.id.hex}",
        title=incident.title,
        words=update.get_status_display(),
        body=update.body,
        payload=payload_of(view, incident_json(incident, view, address=address), address=address),
        happened_at=now,
    )
    deliver_to(to, notice, now=now)
    return len(to)


def kind_of(update: StatusUpdate, *, is_first: bool) -> NoticeKind:
    if update.status == IncidentStatus.RESOLVED:
        return NoticeKind.RESOLVED
    return NoticeKind.OPENED if is_first else NoticeKind.UPDATED


def payload_of(view: Public, incident: Mapping[str, Any], *, address: str) -> dict[str, Any]:
    """What Statuspage's own webhooks say of a page and of one incident on it."""
    told = status_of(view, address=address)
    return {
        "page": {
            "id": told["page"]["id"],
            "name": told["page"]["name"],
            "url": address,
            "status_indicator": told["status"]["indicator"],
            "status_description": told["status"]["description"],
        },
        "incident": dict(incident),
    }


# --- Maintenance -------------------------------------------------------------------------------------------


def tell_maintenance(*, now: datetime) -> int:
    """How many notices that made on all pages with subscribers. Windows are worked out of their plans, so
    somebody has to look at the clock."""
    made = 0
    for page in pages_with_subscribers():
        try:
            made += tell_windows(page, now=now)
        except DatabaseError:
            raise
        except Exception:
            # One page that nobody foresaw must not keep the others from being told.
            logger.exception("The maintenance of status page %s could not be told", page.id)
    return made


def pages_with_subscribers() -> QuerySet[StatusPage]:
    listening = StatusSubscriber.objects.confirmed().filter(page=OuterRef("pk"))
    return StatusPage.objects.filter(Exists(listening), is_published=True).defer("logo", "css")


def tell_windows(page: StatusPage, *, now: datetime) -> int:
    """Tell what this page's windows came to since the last look."""
    parts = dict(page.entries.values_list("monitor_id", "id"))
    announced = announcements_of(page, parts, now=now)
    told = dict(
        StatusNotice.objects.filter(page=page, kind__startswith="maintenance.").values_list("key", "id")
    )
    plans = Maintenance.objects.in_bulk([each.id for each in announced])
    made, still_open = 0, set()
    for each in announced:
        plan = plans[each.id]
        occurrence = occurrence_of(each, plan, told)
        kind = NoticeKind.STARTED if each.is_open else NoticeKind.SCHEDULED
        if each.is_open:
            still_open.add(occurrence)
        if key_of(occurrence, kind) not in told and is_to_be_told(plan, each, told):
            made += tell_window(page, each, kind, occurrence, now=now)
    for occurrence in ended(told, still_open):
        made += tell_end(page, occurrence, told[key_of(occurrence, NoticeKind.STARTED)], now=now)
    return made


def key_of(occurrence: str, kind: NoticeKind) -> str:
    return f"{occurrence}:{kind.rpartition('.')[2]}"


def occurrence_of(each: Announcement, plan: Maintenance, told: Mapping[str, Any]) -> str:
    """Names this window of the plan. One that is switched on and off by hand has no start to tell it by: it
    is the one after those that ended."""
    start = each.window.start.strftime(START)
    if plan.strategy == MaintenanceStrategy.MANUAL:
        mine = [key for key in told if key.startswith(f"maintenance:{each.id.hex}:")]
        start = f"on{sum(key.endswith(':ended') for key in mine)}"
    return f"maintenance:{each.id.hex}:{start}"


def is_to_be_told(plan: Maintenance, each: Announcement, told: Iterable[str]) -> bool:
    """Of a plan that comes often only that it began, and no more than once a day."""
    if not plan.tells_subscribers:
        return False
    if not comes_often(plan, each.window.start):
        return True
    mine = f"maintenance:{each.id.hex}:"
    begun = [start_in(key) for key in told if key.startswith(mine) and key.endswith(":started")]
    return each.is_open and all(
        abs(each.window.start - start) >= LEAST_BETWEEN for start in begun if start is not None
    )


def comes_often(plan: Maintenance, start: datetime) -> bool:
    if plan.strategy in ONCE:
        return False
    following = next_window(plan_of(plan), start)
    return following is not None and following.start - start < LEAST_PAUSE


def start_in(key: str) -> datetime | None:
    """When the window began that a key is of; None where it was switched on by hand."""
    try:
        return datetime.strptime(key.split(":")[2], START).replace(tzinfo=UTC)
    except ValueError:
        return None


def ended(told: Iterable[str], still_open: set[str]) -> list[str]:
    """Windows that were told to begin, are not open any more, and were not told to be over."""
    begun = {key.removesuffix(":started") for key in told if key.endswith(":started")}
    over = {key.removesuffix(":ended") for key in told if key.endswith(":ended")}
    return sorted(begun - over - still_open)


def tell_window(
    page: StatusPage, each: Announcement, kind: NoticeKind, occurrence: str, *, now: datetime
) -> int:
    view, address = public_view(page, now=now), place_of(page).address
    told = scheduled(each, view, address=address)
    span = span_words(each.window)
    notice = StatusNotice(
        page=page,
        kind=kind,
        key=key_of(occurrence, kind),
        thread=occurrence,
        title=each.title,
        words=kind.label,
        body=f"{span}\n\n{each.description}".strip(),
        payload=payload_of(view, told, address=address),
        happened_at=now,
    )
    return keep_and_deliver(notice, to=EVERYBODY, now=now)


def tell_end(page: StatusPage, occurrence: str, began_id: UUID, *, now: datetime) -> int:
    """Told of the notice that it began: its plan may be gone. A window that was cut short is over as well."""
    began = StatusNotice.objects.get(id=began_id)
    incident = {**began.payload["incident"], "status": "completed"}
    until = incident.get("scheduled_until")
    if until and datetime.fromisoformat(until) < now - LATEST_END:
        return 0
    view, address = public_view(page, now=now), place_of(page).address
    at = moment(now)
    incident |= {"updated_at": at, "resolved_at": at}
    notice = StatusNotice(
        page=page,
        kind=NoticeKind.ENDED,
        key=key_of(occurrence, NoticeKind.ENDED),
        thread=occurrence,
        title=began.title,
        words=NoticeKind.ENDED.label,
        body="The planned work is done.",
        payload=payload_of(view, incident, address=address),
        happened_at=now,
    )
    return keep_and_deliver(notice, to=WEBHOOKS if is_of_many(occurrence) else EVERYBODY, now=now)


def is_of_many(occurrence: str) -> bool:
    """Whether its plan comes often. A plan that is gone comes no more, and its end is news to everybody."""
    start = start_in(occurrence)
    plan = Maintenance.objects.filter(id=occurrence.split(":")[1]).first()
    return start is not None and plan is not None and comes_often(plan, start)


def keep_and_deliver(notice: StatusNotice, *, to: Collection[str], now: datetime) -> int:
    """1, or 0 when another worker was quicker."""
    try:
        with transaction.atomic():
            notice.save(force_insert=True)
            deliver_to(listening_to(notice.page_id, kinds=to), notice, now=now)
    except IntegrityError:
        return 0
    return 1
