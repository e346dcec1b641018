"""The pages of monitors: the list with its bars, each one's story, and the form."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import connection
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.forms import sentences
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import require
from monitor.audit import record_shown
from monitor.charts import Beat as BarBeat
from monitor.charts import Series, TimeAxis, Unit, heartbeat, lines
from monitor.charts.scales import moment_iso
from monitor.lib import payload
from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import moment_of, uuid7_floor
from monitor.models import AuditEntry, Beat, Monitor, MonitorEvent, MonitorProxy, MonitorTag, Ping, Service
from monitor.monitors.api import STATES, MonitorFilter, TooBusyToLook, look_once, proxy_for, reach_proxy
from monitor.monitors.batch import MOST_IN_A_BATCH, do_to_many
from monitor.monitors.forms import MonitorForm
from monitor.monitors.reach import home_of, reach_monitor, service_for
from monitor.monitors.recent import unpacked
from monitor.monitors.register import (
    change_monitor,
    clone_monitor,
    make_monitor,
    remove_monitor,
    set_active,
)
from monitor.monitors.states import State
from monitor.monitors.stats import stats_of, uptimes
from monitor.monitors.telling import target_of
from monitor.monitors.words import PHASES, STATE_WORDS, state_in_sql, state_of
from monitor.probing import BadConfig, all_kinds, kind_named
from monitor.push.keys import addresses_of, snippets_of

ROWS_A_PAGE = 100
CHECKS_SHOWN = 30
EVENTS_SHOWN = 20
# Who looks again within this time is not recorded again.
SHOWN_AGAIN = timedelta(hours=1)
MAX_CHOICES = 500
CHART_WINDOW = timedelta(hours=24)
CHART_STEP = timedelta(minutes=10)
TILE_WINDOWS = (("24h", "24 h"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"), ("1y", "a year"))
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
    return heartbeat(beats, label=monitor.name)


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
    }
    return render(request, "monitors/list.html", context)


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


def monitor(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    """One monitor: how it stands, how it did, and every recent check."""
    actor, now = page_actor(request), timezone.now()
    found = reach_monitor(actor, monitor_id, Scope.READ)
    may_manage = actor.may(Scope.MANAGE, found.organization_id)
    beats = list(Beat.objects.filter(monitor_id=found.id).order_by("-id")[:CHECKS_SHOWN])
    context = {
        "section": "monitors",
        "row": row_of(found, now=now),
        "monitor": found,
        "standing": found.standing,
        "may_manage": may_manage,
        "tiles": [(words, stats_of(found, window, now=now)) for window, words in TILE_WINDOWS],
        "chart": response_chart(found, now=now),
        "checks": [(beat, moment_of(beat.id), word_of(beat), pill_of(beat)) for beat in beats],
        "newest_detail": payload.unpack(beats[0].detail) if beats and beats[0].detail else {},
        "last_failure": last_failure(found),
        "events": list(MonitorEvent.objects.filter(monitor=found).order_by("-id")[:EVENTS_SHOWN]),
        "logs_link": logs_link(found, now=now),
        "children": children_of(found, now=now),
    }
    if found.kind == "push":
        context["pings"] = [
            (ping, moment_of(ping.id))
            for ping in Ping.objects.filter(target=found.id).order_by("-number")[:CHECKS_SHOWN]
        ]
        if may_manage:
            note_shown(page_actor(request), found, now=now)
            context |= {
                "addresses": addresses_of(found).items(),
                "snippets": snippets_of(found).items(),
            }
    return render(request, "monitors/detail.html", context)


def note_shown(actor: Actor, found: Monitor, *, now: datetime) -> None:
    """That this person was shown the addresses to ping, which are secrets: once an hour, however often they
    look."""
    lately = AuditEntry.objects.filter(
        target_id=str(found.id),
        action="secret.shown",
        actor_id=str(actor.user_id or ""),
        happened_at__gte=now - SHOWN_AGAIN,
    )
    if not lately.exists():
        record_shown("push_target", found.id, label=found.name, organization_id=found.organization_id)


def word_of(beat: Beat) -> str:
    return "Slow" if beat.is_degraded else beat.get_state_display()


def pill_of(beat: Beat) -> str:
    return PILLS.get("slow" if beat.is_degraded else State(beat.state).name.lower(), "")


def children_of(found: Monitor, *, now: datetime) -> list[Row]:
    if found.kind != "group":
        return []
    children = Monitor.objects.filter(parent=found).select_related("standing").order_by("name", "id")
    return [row_of(child, now=now) for child in children[:MAX_CHOICES]]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The newest failure with what was kept of it."""

    at: datetime
    message: str
    phases: list[tuple[str, float]]
    detail: dict[str, Any]


def last_failure(found: Monitor) -> Failure | None:
    beat = (
        Beat.objects.filter(monitor_id=found.id, is_important=True, state__in=(State.DOWN, State.PENDING))
        .order_by("-id")
        .first()
    )
    if beat is None:
        return None
    times = zip(PHASES, beat.phases_ms or [], strict=False)
    return Failure(
        at=moment_of(beat.id),
        message=beat.message,
        phases=[(name, value) for name, value in times if value is not None],
        detail=payload.unpack(beat.detail) if beat.detail else {},
    )


def logs_link(found: Monitor, *, now: datetime) -> str:
    """The requests that its service logged around the outage, or lately."""
    if found.service_id is None:
        return ""
    since = (found.standing.down_since or now - timedelta(hours=1)) - timedelta(minutes=5)
    asked = {"service_id": str(found.service_id), "since": moment_iso(since)}
    return f"{reverse('pages:logs')}?{urlencode(asked)}"


def response_chart(found: Monitor, *, now: datetime) -> SafeString:
    """Median and slowest answer in each ten minutes of a day."""
    seconds = int(CHART_STEP.total_seconds())
    end = datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, tz=now.tzinfo)
    axis = TimeAxis(start=end - CHART_WINDOW, end=end, step=CHART_STEP, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            # The first 48 bits of an id are its milliseconds.
            "SELECT ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / %s AS bucket,"
            " percentile_cont(0.5) WITHIN GROUP (ORDER BY response_ms), max(response_ms) FROM beat"
            " WHERE monitor_id = %s AND id >= %s AND id < %s AND state = %s GROUP BY 1",
            [
                seconds * 1000,
                found.id,
                uuid7_floor(axis.start),
                uuid7_floor(end),
                int(State.UP),
            ],
        )
        by_bucket = {bucket: (middle, slowest) for bucket, middle, slowest in cursor}
    values = [by_bucket.get(int(start.timestamp()) // seconds, (None, None)) for start in axis.starts]
    series = [
        Series(name="median", values=[middle for middle, _ in values], css_class="series-p50"),
        Series(name="slowest", values=[slowest for _, slowest in values], css_class="series-p99"),
    ]
    return lines(
        axis,
        series,
        chart_id="response",
        title="Response time",
        unit=Unit.MILLISECONDS,
        empty="No answers in this window",
    )


# --- Changing ----------------------------------------------------------------------------------------------


def manageable(actor: Actor) -> list[Service]:
    return list(Service.objects.within_reach_of(actor, Scope.MANAGE).order_by("name", "id")[:MAX_CHOICES])


def others_of(actor: Actor, found: Monitor | None = None) -> list[Monitor]:
    """What a monitor may depend on."""
    monitors = Monitor.objects.within_reach_of(actor, Scope.MANAGE).only("id", "name")
    if found is not None:
        monitors = monitors.filter(organization=found.organization_id).exclude(id=found.id)
    return list(monitors.order_by("name", "id")[:MAX_CHOICES])


def proxies_of(actor: Actor, organization_id: UUID | None = None) -> list[MonitorProxy]:
    """Those that a monitor there, or anywhere the actor may make one, can go through."""
    homes = [organization_id] if organization_id else actor.organizations(Scope.MANAGE)
    return list(MonitorProxy.objects.filter(organization__in=homes).order_by("name", "id")[:MAX_CHOICES])


@reading_or_posting
def new(request: HttpRequest) -> HttpResponse:
    """The kind first, then only its fields. A POST saves, or looks once."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    try:
        kind = kind_named(request.GET.get("kind", "http"))
    except BadConfig:
        raise Http404("No such kind.") from None
    if kind.editor:
        return redirect(f"{reverse(f'pages:{kind.editor}-new')}?{request.GET.urlencode()}")
    services = manageable(actor)
    data = request.POST if request.method == "POST" else None
    form = MonitorForm.of(
        kind,
        monitor=None,
        services=services,
        others=others_of(actor),
        proxies=proxies_of(actor),
        data=data,
    )
    if data is None:
        form.initial["service_id"] = request.GET.get("service_id", "")
        return form_page(request, form)
    if not form.is_valid():
        return form_page(request, form, status=400)
    if "look" in data:
        return form_page(request, form, looked=look_by(form, actor))
    fields = dict(form.judge.validated_data)
    config, needed = fields.pop("config"), fields.pop("depends_on_ids", [])
    service = service_for(actor, fields.pop("service_id", None))
    try:
        organization = home_of(actor, None, service)
        proxy = proxy_for(fields.pop("proxy_id", None), organization.id)
        made = make_monitor(
            Monitor(organization=organization, service=service, proxy=proxy, **fields),
            config,
            now=timezone.now(),
            depends_on_ids=needed,
        )
    except BadConfig as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return form_page(request, form, status=400)
    except ValidationError:
        form.add_error("service_id", "You are in several organizations: choose a service and a proxy of one.")
        return form_page(request, form, status=400)
    messages.success(request, f"{made.name} is checked from now on.")
    return redirect("pages:monitor", made.id)


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
def edit(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    actor = page_actor(request)
    found = reach_monitor(actor, monitor_id, Scope.MANAGE)
    kind = kind_named(found.kind)
    if kind.editor:
        return redirect(f"pages:{kind.editor}-edit", monitor_id)
    data = request.POST if request.method == "POST" else None
    form = MonitorForm.of(
        kind,
        monitor=found,
        services=manageable(actor),
        others=others_of(actor, found),
        proxies=proxies_of(actor, found.organization_id),
        data=data,
    )
    if data is None:
        return form_page(request, form)
    if not form.is_valid():
        return form_page(request, form, status=400)
    if "look" in data:
        return form_page(request, form, looked=look_by(form, actor))
    fields = dict(form.judge.validated_data)
    config = fields.pop("config", None)
    service = service_for(actor, fields.pop("service_id", None))
    if service is not None and service.organization_id != found.organization_id:
        form.add_error("service_id", "The service is of another organization.")
        return form_page(request, form, status=400)
    try:
        proxy = proxy_for(fields.pop("proxy_id", None), found.organization_id)
        change_monitor(found, {**fields, "service": service, "proxy": proxy}, config, now=timezone.now())
    except BadConfig as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return form_page(request, form, status=400)
    messages.success(request, "Saved. The next check follows in a moment.")
    return redirect("pages:monitor", monitor_id)


def look_by(form: MonitorForm, actor: Actor) -> dict[str, Any]:
    """What a check would find with what stands in the form."""
    config = form.sent()["config"]
    try:
        timeout_s = min(form.judge.validated_data.get("timeout_s", 20), 30)
        proxy = reach_proxy(actor, form.judge.validated_data.get("proxy_id"))
        found = look_once(form.kind.name, config, timeout_s=timeout_s, monitor=form.instance, proxy=proxy)
    except BadConfig as error:
        return {"outcome": "unknown", "message": error.message}
    except TooBusyToLook as error:
        return {"outcome": "unknown", "message": str(error.detail)}
    return {
        "outcome": str(found.outcome),
        "message": found.message,
        "phases": [(name, value) for name, value in zip(PHASES, found.phases.listed(), strict=True) if value]
        if found.phases
        else [],
        "detail": dict(found.detail),
    }


def form_page(
    request: HttpRequest, form: MonitorForm, *, looked: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "section": "monitors",
        "form": form,
        "kind": form.kind,
        "kinds": all_kinds(),
        "monitor": form.instance,
        "looked": looked,
    }
    return render(request, "monitors/form.html", context, status=status)


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
    remove_monitor(found)
    messages.success(request, f"{found.name} and its history are gone.")
    return redirect("pages:monitors")
