"""A monitor's own page: how it stands, how it did, and every recent check."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString

from monitor.access.gate import page_actor
from monitor.audit import record_shown
from monitor.channels.looking import Look, requests_of
from monitor.charts import Series, TimeAxis, Unit, lines
from monitor.lib import payload
from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import moment_of, uuid7_floor
from monitor.models import AuditEntry, Beat, Monitor, MonitorEvent, Ping
from monitor.monitors.announcing import AROUND
from monitor.monitors.following import stream_of
from monitor.monitors.pages import MAX_CHOICES, PILLS, Row, row_of
from monitor.monitors.reach import reach_monitor
from monitor.monitors.states import State
from monitor.monitors.stats import stats_of
from monitor.monitors.told import told_of
from monitor.monitors.words import PHASES
from monitor.probing import kind_named
from monitor.push.keys import addresses_of, snippets_of

CHECKS_SHOWN = 30
EVENTS_SHOWN = 20
# Who looks again within this time is not recorded again.
SHOWN_AGAIN = timedelta(hours=1)
REQUESTS_SHOWN = 10
LATELY = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Period:
    """How far back the chart of answers looks, and how much of that a point is."""

    words: str
    window: timedelta
    step: timedelta


PERIODS = {
    "3h": Period(words="3 h", window=timedelta(hours=3), step=timedelta(minutes=2)),
    "24h": Period(words="24 h", window=timedelta(hours=24), step=timedelta(minutes=10)),
    "7d": Period(words="7 days", window=timedelta(days=7), step=timedelta(hours=2)),
    "30d": Period(words="30 days", window=timedelta(days=30), step=timedelta(hours=6)),
}
USUAL_PERIOD = "24h"
TILE_WINDOWS = (("24h", "24 h"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"), ("1y", "a year"))


def monitor(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    """One monitor: how it stands, how it did, and every recent check."""
    actor, now = page_actor(request), timezone.now()
    found = reach_monitor(actor, monitor_id, Scope.READ)
    may_manage = actor.may(Scope.MANAGE, found.organization_id)
    beats = list(Beat.objects.filter(monitor_id=found.id).order_by("-id")[:CHECKS_SHOWN])
    failure = last_failure(found)
    look = look_at_requests(found, failure, now=now)
    period = request.GET.get("period", "")
    period = period if period in PERIODS else USUAL_PERIOD
    tiles = [(words, stats_of(found, window, now=now)) for window, words in TILE_WINDOWS]
    context = {
        "section": "monitors",
        "row": row_of(found, now=now),
        "monitor": found,
        **schedule_of(found, now=now),
        "standing": found.standing,
        "may_manage": may_manage,
        "tiles": tiles,
        # Twice what is usual, to begin with.
        "slow_ms": next((2 * stats.average_ms for _, stats in tiles if stats.average_ms), None),
        "chart": response_chart(found, PERIODS[period], now=now),
        "period": period,
        "periods": [(name, each.words) for name, each in PERIODS.items()],
        "checks": [(beat, moment_of(beat.id), word_of(beat), pill_of(beat)) for beat in beats],
        "newest_detail": payload.unpack(beats[0].detail) if beats and beats[0].detail else {},
        "last_failure": failure,
        "events": list(MonitorEvent.objects.filter(monitor=found).order_by("-id")[:EVENTS_SHOWN]),
        "logs_link": look.path if look else "",
        "requests": requests_of(look, most=REQUESTS_SHOWN) if look and failure else [],
        "told": told_of(found),
        "children": children_of(found, now=now),
        "stream": stream_of(found.id),
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


def schedule_of(found: Monitor, *, now: datetime) -> dict[str, Any]:
    """When it is looked at, where that is by the clock."""
    schedule = kind_named(found.kind).schedule(found.config)
    return {"schedule": schedule, "next_run": schedule.next_after(now)} if schedule else {}


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


def look_at_requests(found: Monitor, failure: Failure | None, *, now: datetime) -> Look | None:
    """What its service logged around the last outage, until it was over; lately, where there was none."""
    if found.service_id is None:
        return None
    since, until = now - LATELY, now
    if failure is not None:
        since, state, changed_at = failure.at - AROUND, found.standing.state, found.standing.since
        # A failure's id holds whole milliseconds: what changed with it is not its end.
        if state != State.DOWN and changed_at is not None and changed_at > failure.at + timedelta(seconds=1):
            until = min(now, changed_at + AROUND)
    return Look(service_id=found.service_id, since=since, until=until, order="failed")


def response_chart(found: Monitor, period: Period, *, now: datetime) -> SafeString:
    """Median and slowest answer in each step of the period. Single checks are kept for 35 days."""
    seconds = int(period.step.total_seconds())
    end = datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, tz=now.tzinfo)
    axis = TimeAxis(start=end - period.window, end=end, step=period.step, now=now)
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
