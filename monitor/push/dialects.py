"""How each program says a ping, and what it is answered: the same for both faces, Django's and the lane.

Ours, Healthchecks', Uptime Kuma's and Peekaping's. A token is the key; no answer says more than whether it
is known.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from monitor.api.paths import uuid_or_none
from monitor.push.pings import BODY_LIMIT, Incoming, Taken

MAX_PING_MS = 1e11
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request to an address of pings."""

    method: str
    query: Mapping[str, str]
    source_ip: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What a request says, and the answers. `read` gives the ping without its body, or what is wrong."""

    read: Callable[[Asked, str], Incoming | Reply]
    done: Reply
    unknown: Reply
    # The answer while the monitor is paused; None: taken, and ignored.
    paused: Reply | None = None

    def reply_to(self, taken: Taken) -> Reply:
        if taken == Taken.KEPT:
            return self.done
        return self.paused or self.done if taken == Taken.PAUSED else self.unknown


def plain(text: str, status: int = 200) -> Reply:
    headers = {"Ping-Body-Limit": str(BODY_LIMIT), "Access-Control-Allow-Origin": "*"}
    return Reply(status=status, body=text.encode(), content_type=TEXT, headers=headers)


def as_json(status: int = 200, **members: object) -> Reply:
    return Reply(status=status, body=json.dumps(members).encode(), content_type=JSON)


def read_action(asked: Asked, action: str) -> Incoming | str:
    """Nothing, start, fail, log or an exit status; or what is wrong with it."""
    run_id = None
    if (given := asked.query.get("rid")) is not None and (run_id := uuid_or_none(given)) is None:
        return "invalid uuid format"
    exit_status = None
    kinds = {"": "success", "start": "start", "fail": "failure", "log": "log"}
    if action.isascii() and action.isdigit():
        exit_status = int(action[:9])
        if exit_status > 255:
            return "invalid url format"
        kind = "failure" if exit_status else "success"
    elif action in kinds:
        kind = kinds[action]
    else:
        return "not found"
    return Incoming(
        kind=kind, method=asked.method, exit_status=exit_status, run_id=run_id, source_ip=asked.source_ip
    )


def read_status(asked: Asked, *, is_up: bool) -> Incoming:
    """A ping whose query says how it went."""
    return Incoming(
        kind="success" if is_up else "failure",
        method=asked.method,
        message=asked.query.get("msg", "")[:300],
        response_ms=milliseconds(asked.query.get("ping") or asked.query.get("duration_ms")),
        run_id=run_id_of(asked),
        source_ip=asked.source_ip,
    )


def run_id_of(asked: Asked) -> UUID | None:
    return uuid_or_none(asked.query.get("rid", ""))


def milliseconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= MAX_PING_MS else None


def healthchecks(asked: Asked, action: str) -> Incoming | Reply:
    incoming = read_action(asked, action)
    if isinstance(incoming, str):
        return plain(incoming, 404 if incoming == "not found" else 400)
    return incoming


def ours(asked: Asked, action: str) -> Incoming | Reply:
    incoming = read_action(asked, action)
    if incoming == "not found":
        return NOBODYS
    if isinstance(incoming, str):
        return as_json(400, ok=False, detail=incoming)
    if action == "" and "status" in asked.query:
        return read_status(asked, is_up=asked.query["status"].lower() in ("up", "1", "ok"))
    return incoming


def kuma(asked: Asked, action: str) -> Incoming | Reply:
    """Any status but `up` is down."""
    return read_status(asked, is_up=asked.query.get("status", "up") == "up")


def peekaping(asked: Asked, action: str) -> Incoming | Reply:
    """1 is up."""
    return read_status(asked, is_up=asked.query.get("status", "1") == "1")


NOBODYS = as_json(404, ok=False, detail="No such address.")
KUMAS_NOBODYS = as_json(404, ok=False, msg="Monitor not found or not active.")
HEALTHCHECKS = Dialect(read=healthchecks, done=plain("OK"), unknown=plain("not found", 404))
OURS = Dialect(read=ours, done=as_json(ok=True), unknown=NOBODYS)
KUMA = Dialect(read=kuma, done=as_json(ok=True), unknown=KUMAS_NOBODYS, paused=KUMAS_NOBODYS)
PEEKAPING = Dialect(
    read=peekaping,
    done=as_json(ok="true"),
    unknown=as_json(404, message="Monitor not found"),
    paused=as_json(400, message="Monitor is not active"),
)
# By the beginning of the address, the longest first; behind it the token, and for some an action.
PLACES: tuple[tuple[str, Dialect, bool], ...] = (
    ("/api/v1/push/", PEEKAPING, False),
    ("/api/push/", KUMA, False),
    ("/v1/push/", OURS, True),
    ("/ping/", HEALTHCHECKS, True),
)


def place_of(path: str) -> tuple[Dialect, str, str] | None:
    """The dialect, token and action of an address; None for what is none, or names its monitor by slug."""
    for prefix, dialect, has_actions in PLACES:
        if path.startswith(prefix):
            token, _, action = path[len(prefix) :].partition("/")
            if not token or "/" in action or (action and not has_actions):
                return None
            if dialect is HEALTHCHECKS and uuid_or_none(token) is None:
                return None
            return dialect, token, action
    return None
