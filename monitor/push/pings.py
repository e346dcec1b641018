"""Take a ping: write it down, and let the monitor's state follow at once."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

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


@transaction.atomic
def take_ping(target_id: UUID, incoming: Incoming, *, now: datetime) -> Ping:
    """The ping as it was kept. One of a paused monitor, or by a method that is not taken, is ignored."""
    target = PushTarget.objects.select_for_update(of=("self",)).select_related("monitor").get(pk=target_id)
    options: PushOptions = options_of(target.monitor)
    kind = kind_of(incoming, options, is_active=target.monitor.is_active)
    duration_ms = note(target, kind, incoming.run_id, now=now)
    ping = Ping(
        id=uuid7_at(now),
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
    ping.save(force_insert=True)
    Ping.objects.filter(target=target, number__lte=target.pings - PINGS_KEPT).delete()
    follow(target, kind, incoming, duration_ms, now=now)
    return ping


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
    target.save(update_fields=["pings", "started_at", "run_id", "last_ping_at", "is_failing"])
    return duration_ms


def follow(
    target: PushTarget, kind: str, incoming: Incoming, duration_ms: float | None, *, now: datetime
) -> None:
    """The state after the ping, and when its successor is late."""
    if kind not in ("start", "success", "failure"):
        return
    next_check_at = of_push(target.monitor, now=now).next_check_at
    check = MonitorCheck.objects.filter(monitor=target.monitor).first()
    if check is None:
        return
    if kind == "start":
        MonitorCheck.objects.filter(id=check.id).update(next_check_at=next_check_at, claim=None)
        return
    words = incoming.message or (incoming.body.strip().splitlines() or [""])[0]
    told = masking.mask_text(words[:300], rules=RULES) or ("OK" if kind == "success" else said(incoming))
    finding = Finding(
        outcome=Outcome.OK if kind == "success" else Outcome.FAILED,
        message=told,
        response_ms=incoming.response_ms if incoming.response_ms is not None else duration_ms,
    )
    keep(
        [
            Checked(
                check_id=check.id,
                claim=None,
                monitor_id=target.monitor.id,
                planned_at=now,
                checked_at=now,
                finding=finding,
                next_check_at=next_check_at,
            )
        ],
        now=now,
    )


def said(incoming: Incoming) -> str:
    return (
        "The ping told of a failure." if not incoming.exit_status else f"Exit status {incoming.exit_status}."
    )
