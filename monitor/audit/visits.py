"""The request that is being answered, as the audit log tells of it.

Its actor is told to the database for as long as a request that may change something lasts: a setting of the
connection, which the triggers read.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from django.db import DatabaseError, InterfaceError, connection

from monitor.lib.actors import NOBODY, Actor
from monitor.lib.masking import mask_text

logger = logging.getLogger(__name__)
MAX_AGENT_CHARS = 300
# Who changes something by a command on the machine itself.
SYSTEM = Actor(label="system")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
TELL = "SELECT set_config('apimonitor.audit', %s, false), set_config('apimonitor.audited', '', false)"
# What was recorded stands in the first column: it is read before it is emptied.
FORGET = (
    "SELECT current_setting('apimonitor.audited', true), set_config('apimonitor.audit', '', false),"
    " set_config('apimonitor.audited', '', false)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """What was not allowed; without an actor it is the visit's, or the worker's."""

    action: str
    organization_id: UUID | None
    target_type: str
    target_id: str
    target_label: str
    note: str
    actor: Actor | None = None


@dataclass(kw_only=True, slots=True)
class Visit:
    """Where a request came from and whose it is, as far as that is known yet."""

    face: str
    method: str = ""
    route: str = ""
    ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    find_actor: Callable[[], Actor] = lambda: NOBODY
    # Whether the database knows who asks.
    is_told: bool = False
    has_recorded: bool = False
    # The organizations in which the actor was found to be allowed something.
    concerned: set[UUID] = field(default_factory=set)
    # To be recorded when it is over.
    refused: list[Refused] = field(default_factory=list)


_current: ContextVar[Visit | None] = ContextVar("visit", default=None)


def current_visit() -> Visit | None:
    """The running request's visit; None outside of one: in the worker, in a command."""
    return _current.get()


def begin_visit(visit: Visit) -> None:
    _current.set(visit)


def remember_actor(actor: Actor, *, changes: bool = False) -> None:
    """From here on, what the running request changes is this actor's doing. Nothing outside of a request.

    `changes` tells of a GET that does: the way back from another's sign-in.
    """
    visit = _current.get()
    if visit is None:
        return
    visit.find_actor = lambda: actor
    if visit.method in SAFE_METHODS and not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(TELL, [msgspec.json.encode(columns_of(visit, actor)).decode()])
    visit.is_told = True


def concern(organization_id: UUID) -> None:
    """The running request is about something of this organization. Nothing outside of a request."""
    visit = _current.get()
    if visit is not None:
        visit.concerned.add(organization_id)


@contextmanager
def unrecorded() -> Iterator[None]:
    """What is changed within is not recorded: the erasure of what the audit log could not let go of again.

    An error leaves it so until the transaction is rolled back, which takes the setting back as well.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('apimonitor.audit', true)")
        (asking,) = cursor.fetchone()
        cursor.execute("SELECT set_config('apimonitor.audit', '', false)")
        yield
        cursor.execute("SELECT set_config('apimonitor.audit', %s, false)", [asking or ""])


def end_visit() -> bool:
    """Whether anything was recorded in the visit, which is over now: the connection forgets who asked."""
    visit = _current.get()
    _current.set(None)
    if visit is None or not visit.is_told:
        return visit is not None and visit.has_recorded
    try:
        with connection.cursor() as cursor:
            cursor.execute(FORGET)
            (said, *_) = cursor.fetchone()
        return bool(said) or visit.has_recorded
    except (DatabaseError, InterfaceError):
        # A connection that cannot be told must not go on in this name.
        connection.close()
        logger.warning("A connection was closed, as it could not be told that a request is over.")
        return True


def columns_of(visit: Visit, actor: Actor) -> dict[str, str]:
    """What each row of the visit says beside what was done."""
    kind, actor_id = known_as(actor)
    return {
        "actor_kind": kind,
        "actor_id": actor_id,
        "actor_label": actor.label[:200],
        "face": visit.face,
        "method": visit.method[:8],
        "route": visit.route[:200],
        "ip": visit.ip[:64],
        "user_agent": mask_text(visit.user_agent)[:MAX_AGENT_CHARS],
        "request_id": visit.request_id[:64],
    }


def known_as(actor: Actor) -> tuple[str, str]:
    if actor is SYSTEM:
        return "system", ""
    if actor.user_id is not None:
        return "user", str(actor.user_id)
    return ("key", str(actor.key_id)) if actor.key_id is not None else ("anonymous", "")
