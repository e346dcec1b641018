"""Take pings: write them down, and let the monitors' states follow at once. Those that come together are one
transaction, of five statements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from monitor.lib import masking
from monitor.lib.ids import uuid7_at
from monitor.lib.kept_text import RULES, storable
from monitor.lib.rows import as_json, run
from monitor.monitors.internal import lateness_of
from monitor.monitors.keeping import Checked, keep_within
from monitor.probing import Finding, Outcome, kind_named
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """A ping, whose it is, and when it came. While its monitor is paused it is kept and counts for nothing,
    or is not taken at all (`refuses_paused`)."""

    token: UUID
    incoming: Incoming
    at: datetime
    refuses_paused: bool = False


class Target(msgspec.Struct):
    """A row of push_target while it is locked, with what its monitor asks for."""

    id: UUID
    token: UUID
    last_ping_at: datetime | None
    started_at: datetime | None
    run_id: UUID | None
    is_failing: bool
    pings: int
    is_active: bool
    config: str

    @property
    def options(self) -> PushOptions:
        """Raises BadConfig."""
        return options_from(self.config)


class Taken(Enum):
    """What became of a ping."""

    KEPT = "kept"
    UNKNOWN = "unknown"
    PAUSED = "paused"


# In one order, so that two groups at once wait and never block each other.
LOCK = """
SELECT t.monitor_id, t.token, t.last_ping_at, t.started_at, t.run_id, t.is_failing, t.pings, m.is_active,
    m.config::text
FROM push_target t JOIN monitor m ON m.id = t.monitor_id
WHERE t.token = ANY((SELECT %s)::uuid[]) ORDER BY t.monitor_id FOR UPDATE OF t
"""


@lru_cache(maxsize=10_000)
def options_from(config: str) -> PushOptions:
    """Read once for each text, so that a change is seen at once. Options of push monitors hold no secrets and
    no proxy: the shown ones are the whole."""
    found: PushOptions = kind_named("push").read(msgspec.json.decode(config))
    return found


def take_ping(arrived: Arrived) -> Taken:
    """What became of one ping, in a transaction of its own."""
    (taken,) = take_pings([arrived])
    return taken


@transaction.atomic
def take_pings(arrived: Sequence[Arrived]) -> list[Taken]:
    """What became of the pings, in the order they came, in one transaction. By a method that is not taken, or
    of a paused monitor, one is kept and ignored."""
    targets = {
        target.token: target
        for target in (Target(*row) for row in run(LOCK, [list({each.token for each in arrived})]))
    }
    taken: list[Taken] = []
    pings: list[PingRow] = []
    told: list[Told] = []
    for each in one_after_the_other(arrived):
        target = targets.get(each.token)
        if target is None or (each.refuses_paused and not target.is_active):
            taken.append(Taken.UNKNOWN if target is None else Taken.PAUSED)
            continue
        taken.append(Taken.KEPT)
        kind = kind_of(each.incoming, target)
        duration_ms = note(target, kind, each.incoming.run_id, now=each.at)
        pings.append(ping_of(target, each, kind, duration_ms))
        if kind in ("start", "success", "failure"):
            told.append(told_of(target, each, kind, duration_ms))
    if pings:
        rang = {ping.target_id for ping in pings}
        write([target for target in targets.values() if target.id in rang], pings)
    if told:
        follow(told, now=max((each.at for each in arrived), default=timezone.now()))
    return taken


def one_after_the_other(arrived: Sequence[Arrived]) -> Iterator[Arrived]:
    """Those of one monitor at least a millisecond apart: ids hold no finer time, and lists go by ids."""
    newest: dict[UUID, datetime] = {}
    for each in arrived:
        before = newest.get(each.token)
        at = each.at if before is None else max(each.at, before + timedelta(milliseconds=1))
        newest[each.token] = at
        yield each if at is each.at else replace(each, at=at)


class PingRow(msgspec.Struct):
    """A row of ping."""

    id: UUID
    target_id: UUID
    number: int
    kind: str
    exit_status: int | None
    run_id: UUID | None
    duration_ms: float | None
    method: str
    source_ip: str | None
    body: str


def ping_of(target: Target, each: Arrived, kind: str, duration_ms: float | None) -> PingRow:
    incoming = each.incoming
    body = incoming.body[:BODY_LIMIT]
    return PingRow(
        id=uuid7_at(each.at),
        target_id=target.id,
        number=target.pings,
        kind=kind,
        exit_status=incoming.exit_status,
        run_id=incoming.run_id,
        duration_ms=duration_ms,
        method=incoming.method[:8],
        source_ip=incoming.source_ip,
        body=storable(masking.mask_body(body, rules=RULES))[:BODY_LIMIT] if body else "",
    )


# Old pings go by number, in the order of its index: each monitor lets go as many as came.
WRITE = """
WITH given AS (
    SELECT * FROM json_to_recordset(%(targets)s::json) AS t(
        id uuid, pings int8, started_at timestamptz, run_id uuid, last_ping_at timestamptz, is_failing bool)
), rang AS (
    INSERT INTO ping (id, target_id, number, kind, exit_status, run_id, duration_ms, method, source_ip, body)
    SELECT * FROM json_to_recordset(%(pings)s::json) AS p(
        id uuid, target_id uuid, number int8, kind text, exit_status int2, run_id uuid, duration_ms float8,
        method text, source_ip inet, body text)
), let_go AS (
    DELETE FROM ping USING given
    WHERE ping.target_id = given.id AND ping.number <= given.pings - %(kept)s
)
UPDATE push_target t SET pings = given.pings, started_at = given.started_at, run_id = given.run_id,
    last_ping_at = given.last_ping_at, is_failing = given.is_failing
FROM given WHERE t.monitor_id = ANY((SELECT %(ids)s)::uuid[]) AND t.monitor_id = given.id
"""


def write(targets: Sequence[Target], pings: Sequence[PingRow]) -> None:
    run(
        WRITE,
        {
            "targets": as_json(targets),
            "pings": as_json(pings),
            "ids": [target.id for target in targets],
            "kept": PINGS_KEPT,
        },
    )


def kind_of(incoming: Incoming, target: Target) -> str:
    """What the ping counts as. Words in its body say more than its address."""
    options = target.options
    if not target.is_active or (options.methods == "post" and incoming.method != "POST"):
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


def note(target: Target, kind: str, run_id: UUID | None, *, now: datetime) -> float | None:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A ping that says something of its monitor's state, and when its successor is late."""

    monitor_id: UUID
    incoming: Incoming
    at: datetime
    kind: str
    duration_ms: float | None
    next_check_at: datetime | None


def told_of(target: Target, each: Arrived, kind: str, duration_ms: float | None) -> Told:
    judged = lateness_of(
        target.options,
        now=each.at,
        last_ping_at=target.last_ping_at,
        started_at=target.started_at,
        is_failing=target.is_failing,
    )
    return Told(
        monitor_id=target.id,
        incoming=each.incoming,
        at=each.at,
        kind=kind,
        duration_ms=duration_ms,
        next_check_at=judged.next_check_at,
    )


def follow(told: Sequence[Told], *, now: datetime) -> None:
    """The states after the pings, and when their successors are late."""
    ended = [checked_of(each) for each in told if each.kind != "start"]
    if ended:
        keep_within(ended, now=now)
    # A start changes no state. Where it came last, what is awaited now is its end.
    last = {each.monitor_id: each for each in told}
    if started := [each for each in last.values() if each.kind == "start"]:
        run(AWAIT, [as_json([{"id": each.monitor_id, "at": each.next_check_at} for each in started])])


AWAIT = """
UPDATE monitor_check SET next_check_at = t.at, claim = NULL
FROM json_to_recordset(%s::json) AS t(id uuid, at timestamptz) WHERE monitor_id = t.id AND is_active
"""


def checked_of(told: Told) -> Checked:
    incoming = told.incoming
    words = incoming.message or (incoming.body.strip().splitlines() or [""])[0]
    is_up = told.kind == "success"
    message = masking.mask_text(words[:300], rules=RULES) if words else ""
    return Checked(
        check_id=None,
        claim=None,
        monitor_id=told.monitor_id,
        planned_at=told.at,
        checked_at=told.at,
        finding=Finding(
            outcome=Outcome.OK if is_up else Outcome.FAILED,
            message=message or ("OK" if is_up else said(incoming)),
            response_ms=incoming.response_ms if incoming.response_ms is not None else told.duration_ms,
        ),
        next_check_at=told.next_check_at,
    )


def said(incoming: Incoming) -> str:
    return (
        "The ping told of a failure." if not incoming.exit_status else f"Exit status {incoming.exit_status}."
    )
