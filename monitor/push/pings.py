"""Take pings: write them down, and let the monitors' states follow at once. Those that come together are one
transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from monitor.lib import masking
from monitor.lib.ids import uuid7_at
from monitor.lib.kept_text import RULES, storable
from monitor.models import MonitorCheck, Ping, PushTarget
from monitor.monitors.config import options_of
from monitor.monitors.internal import of_push
from monitor.monitors.keeping import Checked, keep
from monitor.probing import Finding, Outcome
from monitor.probing.kinds.push import PushOptions

# Kept of each body, and pings kept of each monitor: by number, so that a noisy one takes no more room.
BODY_LIMIT = 10_000
PINGS_KEPT = 100


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A ping as a dialect read it. `kind` is start, success, failure or log."""

    kind: str
    method: str
    body: str = ""
    message: str = ""
    exit_status: int | None = None
    run_id: UUID | None = None
    response_ms: float | None = None
    source_ip: str | None = None


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A ping, whose it is, and when it came."""

    target_id: UUID
    incoming: Incoming
    at: datetime


def take_ping(target_id: UUID, incoming: Incoming, *, now: datetime) -> Ping:
    """The ping as it was kept. One of a paused monitor, or by a method that is not taken, is ignored."""
    (ping,) = take_pings([Arrived(target_id=target_id, incoming=incoming, at=now)])
    return ping


@transaction.atomic
def take_pings(arrived: Sequence[Arrived]) -> list[Ping]:
    """The pings as they were kept, in the order they came; those of a monitor that is gone are left out."""
    targets = {
        target.pk: target
        # In one order, so that two groups at once wait and never block each other.
        for target in PushTarget.objects.select_for_update(of=("self",))
        .select_related("monitor")
        .filter(pk__in={each.target_id for each in arrived})
        .order_by("pk")
    }
    options = {pk: options_of(target.monitor) for pk, target in targets.items()}
    pings: list[Ping] = []
    told: list[Told] = []
    for each in one_after_the_other(arrived):
        target = targets.get(each.target_id)
        if target is None:
            continue
        kind = kind_of(each.incoming, options[target.pk], is_active=target.monitor.is_active)
        duration_ms = note(target, kind, each.incoming.run_id, now=each.at)
        pings.append(ping_of(target, each, kind, duration_ms))
        if kind in ("start", "success", "failure"):
            judged = of_push(target.monitor, now=each.at, target=target)
            told.append(
                Told(arrived=each, kind=kind, duration_ms=duration_ms, next_check_at=judged.next_check_at)
            )
    write(list(targets.values()), pings)
    follow(told, now=max((each.at for each in arrived), default=timezone.now()))
    return pings


def one_after_the_other(arrived: Sequence[Arrived]) -> Iterator[Arrived]:
    """Those of one monitor at least a millisecond apart: ids hold no finer time, and lists go by ids."""
    newest: dict[UUID, datetime] = {}
    for each in arrived:
        before = newest.get(each.target_id)
        at = each.at if before is None else max(each.at, before + timedelta(milliseconds=1))
        newest[each.target_id] = at
        yield replace(each, at=at)


def ping_of(target: PushTarget, each: Arrived, kind: str, duration_ms: float | None) -> Ping:
    incoming = each.incoming
    return Ping(
        id=uuid7_at(each.at),
        target=target,
        number=target.pings,
        kind=kind,
        exit_status=incoming.exit_status,
        run_id=incoming.run_id,
        duration_ms=duration_ms,
        method=incoming.method[:8],
        source_ip=incoming.source_ip,
        body=storable(masking.mask_body(incoming.body[:BODY_LIMIT], rules=RULES))[:BODY_LIMIT],
    )


UPDATE_TARGET = (
    "UPDATE push_target SET pings = %s, started_at = %s, run_id = %s, last_ping_at = %s, is_failing = %s"
    " WHERE monitor_id = %s"
)
# By number, in the order of its index: each monitor lets go as many as came.
LET_GO = (
    "DELETE FROM ping USING push_target t"
    " WHERE ping.target_id = t.monitor_id AND t.monitor_id = ANY(%s) AND ping.number <= t.pings - %s"
)


def write(targets: Sequence[PushTarget], pings: Sequence[Ping]) -> None:
    Ping.objects.bulk_create(pings)
    with connection.cursor() as cursor:
        cursor.executemany(
            UPDATE_TARGET,
            [
                [row.pings, row.started_at, row.run_id, row.last_ping_at, row.is_failing, row.pk]
                for row in targets
            ],
        )
        cursor.execute(LET_GO, [[row.pk for row in targets], PINGS_KEPT])


def kind_of(incoming: Incoming, options: PushOptions, *, is_active: bool) -> str:
    """What the ping counts as. Words in its body say more than its address."""
    if not is_active or (options.methods == "post" and incoming.method != "POST"):
        return "ignored"
    if incoming.kind != "success":
        return incoming.kind
    for words, kind in (
        (options.failure_words, "failure"),
        (options.success_words, "success"),
        (options.start_words, "start"),
    ):
        if any(word in incoming.body for word in words):
            return kind
    # Where words of success are asked for, a body without any is only logged.
    return "log" if options.success_words else "success"


def note(target: PushTarget, kind: str, run_id: UUID | None, *, now: datetime) -> float | None:
    """Count the ping in, and give how long the run took that it ends, in milliseconds."""
    duration_ms = None
    target.pings += 1
    if kind == "start":
        target.started_at, target.run_id = now, run_id
    elif kind in ("success", "failure"):
        if target.started_at is not None and target.run_id == run_id:
            duration_ms = round((now - target.started_at).total_seconds() * 1000, 3)
        # A success of another run leaves the one that is going on.
        if kind == "failure" or run_id is None or target.run_id == run_id:
            target.started_at = target.run_id = None
        target.last_ping_at, target.is_failing = now, kind == "failure"
    return duration_ms


@dataclass(frozen=True, kw_only=True)
class Told:
    """A ping that says something of its monitor's state, and when its successor is late."""

    arrived: Arrived
    kind: str
    duration_ms: float | None
    next_check_at: datetime | None


def follow(told: Sequence[Told], *, now: datetime) -> None:
    """The states after the pings, and when their successors are late."""
    ids = {each.arrived.target_id for each in told}
    checks = {
        check.monitor_id: check for check in MonitorCheck.objects.filter(monitor__in=ids, is_active=True)
    }
    keep(
        [
            checked_of(each, check)
            for each in told
            if (check := checks.get(each.arrived.target_id)) and each.kind != "start"
        ],
        now=now,
    )
    # A start changes no state. Where it came last, what is awaited now is its end.
    last = {each.arrived.target_id: each for each in told}
    started = [each for each in last.values() if each.kind == "start" and each.arrived.target_id in checks]
    if started:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE monitor_check SET next_check_at = %s, claim = NULL WHERE monitor_id = %s",
                [[each.next_check_at, each.arrived.target_id] for each in started],
            )


def checked_of(told: Told, check: MonitorCheck) -> Checked:
    incoming, at = told.arrived.incoming, told.arrived.at
    words = incoming.message or (incoming.body.strip().splitlines() or [""])[0]
    is_up = told.kind == "success"
    return Checked(
        check_id=check.id,
        claim=None,
        monitor_id=told.arrived.target_id,
        planned_at=at,
        checked_at=at,
        finding=Finding(
            outcome=Outcome.OK if is_up else Outcome.FAILED,
            message=masking.mask_text(words[:300], rules=RULES) or ("OK" if is_up else said(incoming)),
            response_ms=incoming.response_ms if incoming.response_ms is not None else told.duration_ms,
        ),
        next_check_at=told.next_check_at,
    )


def said(incoming: Incoming) -> str:
    return (
        "The ping told of a failure." if not incoming.exit_status else f"Exit status {incoming.exit_status}."
    )
