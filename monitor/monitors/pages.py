"""The list of monitors with its bars, and what is done to one or many."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.forms import sentences
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.paths import uuid_or_none
from monitor.charts import Beat as BarBeat
from monitor.charts import heartbeat
from monitor.lib.actors import Actor, Scope
from monitor.models import Monitor, MonitorTag
from monitor.models.monitors import RECENT_BEATS
from monitor.monitors.batch import MOST_IN_A_BATCH, do_to_many
from monitor.monitors.filters import MonitorFilter
from monitor.monitors.following import following_list, ids_in
from monitor.monitors.reach import reach_monitor
from monitor.monitors.recent import unpacked
from monitor.monitors.register import (
    clone_monitor,
    remove_monitor,
    set_active,
)
from monitor.monitors.serializers import STATES
from monitor.monitors.states import State
from monitor.monitors.stats import uptimes
from monitor.monitors.telling import target_of
from monitor.monitors.words import STATE_WORDS, state_in_sql, state_of
from monitor.probing import all_kinds, kind_named

ROWS_A_PAGE = 100
MAX_CHOICES = 500
PILLS = {
    "up": "pill-good",
    "slow": "pill-warn",
    "down": "pill-bad",
    "pending": "pill-warn",
    "maintenance": "pill-info",
}
_BARS: dict[int, Any] = {
    State.DOWN: "down",
    State.UP: "up",
    State.PENDING: "pending",
    State.MAINTENANCE: "maintenance",
    State.NO_DATA: "unknown",
}

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, kw_only=True)
class Row:
    """A monitor as lists show it."""

    monitor: Monitor
    state: str
    words: str
    pill: str
    target: str
    kind: str
    bar: SafeString
    uptime: float | None


def row_of(monitor: Monitor, *, now: datetime, uptime: float | None = None) -> Row:
    state = state_of(monitor, now=now)
    kind = kind_named(monitor.kind)
    return Row(
        monitor=monitor,
        state=state,
        words=STATE_WORDS[state],
        pill=PILLS.get(state, ""),
        target=target_of(monitor),
        kind=kind.words,
        bar=bar_of(monitor),
        uptime=uptime,
    )


def bar_of(monitor: Monitor) -> SafeString:
    beats = [
        BarBeat(
            state="slow" if beat.is_degraded else _BARS[beat.state],
            label=f"{beat.at:%d %b %H:%M:%S} UTC: {State(beat.state).name.lower().replace('_', ' ')}"
            + (f", {beat.response_ms:.0f} ms" if beat.response_ms is not None else ""),
        )
        for beat in unpacked(bytes(monitor.standing.recent))
    ]
    return heartbeat(beats, label=monitor.name, slots=RECENT_BEATS)


def monitors(request: HttpRequest) -> HttpResponse:
    """Every monitor with its newest checks, and filters."""
    actor, now = page_actor(request), timezone.now()
    mine = Monitor.objects.visible_to(actor).select_related("standing")
    filters = MonitorFilter(request.GET, queryset=mine)
    page = cut_page(filters.qs.order_by("-id"), limit=ROWS_A_PAGE, cursor=read_cursor(request.GET))
    counts = counts_of(actor, now=now)
    stamp = stamp_of(page.rows, counts, now=now)
    if request.GET.get("stamp") == stamp:
        # Asked by the page that shows it: nothing is drawn anew, there or here.
        return HttpResponse(status=204)
    shares = uptimes([monitor.id for monitor in page.rows], window="24h", now=now)
    rows = [row_of(monitor, now=now, uptime=shares.get(monitor.id)) for monitor in page.rows]
    context = {
        "page": page,
        "rows": rows,
        "counts": counts,
        "again": f"{request.path}?{again_of(request.GET, stamp)}",
        "states": [(state, STATE_WORDS[state]) for state in STATES],
        "kinds": all_kinds(),
        "asked": request.GET,
        "back": back_of(request.GET),
        "tags": list(known_tags(actor)),
        "is_filtered": any(request.GET.get(name) for name in ("q", "state", "kind", "tag")),
        "following": following_list(request.GET),
    }
    return render(request, "monitors/list.html", context)


def monitor_rows(request: HttpRequest) -> HttpResponse:
    """The rows of some monitors, as far as the page's filters hold them, and how many stand how."""
    actor, now = page_actor(request), timezone.now()
    mine = Monitor.objects.visible_to(actor).select_related("standing")
    ids = ids_in(request.GET.get("ids", ""))
    found = list(MonitorFilter(request.GET, queryset=mine).qs.filter(id__in=ids).order_by("-id"))
    shares = uptimes([monitor.id for monitor in found], window="24h", now=now)
    context = {
        "rows": [row_of(monitor, now=now, uptime=shares.get(monitor.id)) for monitor in found],
        "counts": counts_of(actor, now=now),
    }
    return render(request, "monitors/_changed.html", context)


def stamp_of(rows: Iterable[Monitor], counts: Any, *, now: datetime) -> str:
    """What changes when the page would look different; times that are told grow by the minute."""
    seen = [(str(row.id), row.updated_at, row.standing.last_beat_at, state_of(row, now=now)) for row in rows]
    told = repr((seen, counts, now.replace(second=0, microsecond=0)))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def again_of(asked: QueryDict, stamp: str) -> str:
    """The same question, with what is known of its answer."""
    again = asked.copy()
    again["stamp"] = stamp
    return again.urlencode()


def back_of(asked: QueryDict) -> str:
    """The page as it was asked for, without what only the browser asks again with."""
    back = asked.copy()
    back.pop("stamp", None)
    return back.urlencode()


def known_tags(actor: Actor) -> QuerySet[MonitorTag, str]:
    mine = MonitorTag.objects.filter(organization__in=actor.organizations()).order_by("name")
    return mine.values_list("name", flat=True).distinct()[:MAX_CHOICES]


def counts_of(actor: Actor, *, now: datetime) -> list[tuple[str, str, str, int]]:
    """How many stand how, worst first: state, words, pill, number."""
    standing = Monitor.objects.visible_to(actor).annotate(shown_state=state_in_sql(now=now))
    found = dict(
        standing.order_by()
        .values("shown_state")
        .annotate(number=Count("id"))
        .values_list("shown_state", "number")
    )
    order = ("down", "no_data", "pending", "slow", "up", "maintenance", "new", "paused")
    return [
        (state, STATE_WORDS[state], PILLS.get(state, ""), found[state]) for state in order if state in found
    ]


@reading_or_posting
def batch(request: HttpRequest) -> HttpResponse:
    """What the list's bar asks for, done to the chosen monitors: all of it, or nothing."""
    back = redirect(f"{reverse('pages:monitors')}?{request.POST.get('back', '')}".rstrip("?"))
    if request.method != "POST":
        return back
    actor = page_actor(request)
    ids = [id_ for text in request.POST.getlist("id") if (id_ := uuid_or_none(text)) is not None]
    if not ids:
        messages.warning(request, "Choose monitors first.")
        return back
    try:
        action, changes = asked_of_many(request.POST)
        done = do_to_many(actor, ids[:MOST_IN_A_BATCH], action, changes, now=timezone.now())
    except ValidationError as error:
        messages.error(request, " ".join(sentences(error.detail)))
        return back
    messages.success(request, f"{done} {'monitor' if done == 1 else 'monitors'} {DONE_TO_MANY[action]}.")
    return back


DONE_TO_MANY = {
    "pause": "paused",
    "resume": "checked again",
    "remove": "gone with their history",
    "change": "changed",
}


def asked_of_many(form: QueryDict) -> tuple[str, dict[str, Any]]:
    """The action that the pressed button names, and its changes. Raises ValidationError."""
    tag, pressed, seconds = (str(form.get(name, "")).strip() for name in ("tag", "action", "interval_s"))
    match pressed:
        case "pause" | "resume" | "remove":
            return pressed, {}
        case "tag" | "untag" if tag:
            return "change", {"add_tags" if pressed == "tag" else "remove_tags": [tag]}
        case "interval" if seconds.isascii() and seconds.isdigit():
            return "change", {"interval_s": int(seconds[:9])}
    raise ValidationError("Say what is to be done with them.")


@reading_or_posting
def pause(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    """Pauses, or lets a paused one go on: as `is_active` in the form says."""
    if request.method == "POST":
        found = reach_monitor(page_actor(request), monitor_id, Scope.MANAGE)
        is_active = request.POST.get("is_active") == "true"
        set_active([found], is_active=is_active, now=timezone.now())
        messages.success(request, f"{found.name} {'is checked again' if is_active else 'is paused'}.")
    return redirect("pages:monitor", monitor_id)


@reading_or_posting
def clone(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:monitor", monitor_id)
    found = reach_monitor(page_actor(request), monitor_id, Scope.MANAGE)
    copy = clone_monitor(found, name=f"{found.name[:120]} (copy)", now=timezone.now())
    messages.success(request, "The copy is paused: change it, then let it go on.")
    return redirect("pages:monitor-edit", copy.id)


@reading_or_posting
def delete(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:monitor", monitor_id)
    found = reach_monitor(page_actor(request), monitor_id, Scope.MANAGE)
    remove_monitor(found, now=timezone.now())
    messages.success(request, f"{found.name} and its history are gone.")
    return redirect("pages:monitors")
