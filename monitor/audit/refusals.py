"""Refusals: a call that the guard of addresses did not let out, a key that asked for more than it may.

They change nothing, and may come by the second: a monitor whose target is not allowed is looked at every
twenty seconds, a forgotten program asks for ever. So of each actor, target and reason there is one row an
hour, and of each actor and target ten: enough to see it, when it began and that it lasts, whatever is sent.
Logs of requests, beats and deliveries have each one.
"""

import logging
import time
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from monitor.audit.record import WORKER, record
from monitor.audit.visits import Refused, Visit, begin_visit, current_visit, end_visit, known_as
from monitor.lib.actors import NOBODY, Actor
from monitor.lib.ids import uuid7_floor
from monitor.models import AuditEntry
from monitor.models.audit import Face

logger = logging.getLogger(__name__)
EVERY = timedelta(hours=1)
# Somebody who tries one address after the other is seen by the first few.
MOST_EACH = 10
MOST_REMEMBERED = 10_000
# How a key or a token was refused that is known, and may not do what it asked for.
BEYOND_REACH = frozenset({"scope_missing", "other_service", "not_for_keys"})

Place = tuple[object, ...]
# When this process last found a row of each: most refusals then cost no statement. Where two processes meet
# one for the first time at the same moment, there may be two rows.
_found_at: dict[Place, float] = {}


def note_blocked(
    *,
    organization_id: UUID | None,
    target_type: str,
    target_id: object,
    target_label: str,
    address: str = "",
) -> None:
    """That a call of this organization was not let out. `address` is an origin: the rest may hold secrets."""
    note_refused(
        Refused(
            action="ssrf.blocked",
            organization_id=organization_id,
            target_type=target_type,
            target_id=str(target_id),
            target_label=target_label,
            note=address,
        )
    )


def note_blocked_for_caller(address: str) -> None:
    """The same of an address that somebody would have us keep. Strangers have no organization to tell it."""
    visit = current_visit()
    actor = visit.find_actor() if visit is not None else NOBODY
    if visit is None or actor.is_anonymous:
        return
    organizations = list(visit.concerned or actor.grants)
    theirs = organizations[0] if len(organizations) == 1 else None
    note_blocked(
        organization_id=theirs,
        target_type="organization",
        target_id=theirs or "",
        target_label="",
        address=address,
    )


def denied(actor: Actor, reason: str) -> Refused | None:
    """That this key or token may not do what it asked for; None for people, who see what is not theirs."""
    organizations = list(actor.grants)
    noun, id_ = ("personal_token", actor.token_id) if actor.token_id else ("api_key", actor.key_id)
    if id_ is None:
        return None
    return Refused(
        action=f"{noun}.scope_denied",
        organization_id=organizations[0] if len(organizations) == 1 else None,
        target_type=noun,
        target_id=str(id_),
        target_label=actor.label,
        note=reason,
        actor=actor,
    )


def note_refused(refused: Refused) -> None:
    """In a request it is kept at its end: the refusal itself often takes the transaction back. Elsewhere it
    is kept in the caller's."""
    visit = current_visit()
    if visit is None or visit.face == Face.COMMAND:
        keep_refused(refused)
    else:
        visit.refused.append(refused)


def keep_denied(actor: Actor, reason: str, visit: Visit) -> None:
    """The same for what answers in front of Django, which has no visit of its own."""
    refused = denied(actor, reason)
    if refused is not None:
        visit.refused.append(refused)
        keep_all(visit)


def is_denial_known(actor: Actor, reason: str) -> bool:
    """Whether there is nothing to keep of it: asks no database, for those who answer thousands a second."""
    refused = denied(actor, reason)
    return refused is None or is_known(place_of(refused))


def keep_all(visit: Visit) -> None:
    """What was refused in a visit that is over."""
    begin_visit(visit)
    try:
        for refused in visit.refused:
            keep_refused(refused)
    except (DatabaseError, InterfaceError):
        # The caller has the answer, which is right all the same.
        logger.warning("A refusal could not be recorded.", exc_info=True)
    finally:
        end_visit()


def keep_refused(refused: Refused) -> None:
    """A row, unless there is one of the last hour."""
    place = place_of(refused)
    if is_known(place):
        return
    since = uuid7_floor(timezone.now() - EVERY)
    _, kind, actor_id, *_ = place
    rows = AuditEntry.objects.filter(
        target_id=refused.target_id,
        id__gte=since,
        action=refused.action,
        organization_id=refused.organization_id,
        actor_kind=kind,
        actor_id=actor_id,
    )
    notes = list(rows.values_list("note", flat=True)[:MOST_EACH])
    if refused.note[:500] not in notes and len(notes) < MOST_EACH:
        record(
            refused.action,
            organization_id=refused.organization_id,
            target_type=refused.target_type,
            target_id=refused.target_id,
            target_label=refused.target_label,
            note=refused.note,
            actor=refused.actor,
        )
    # Not before it is there: what is rolled back would be missing for an hour.
    transaction.on_commit(lambda: remember(place))


def is_known(place: Place) -> bool:
    """Whether this process knows of a row of the last hour."""
    found_at = _found_at.get(place)
    return found_at is not None and time.monotonic() - found_at < EVERY.total_seconds()


def remember(place: Place) -> None:
    if len(_found_at) >= MOST_REMEMBERED:
        _found_at.clear()
    _found_at[place] = time.monotonic()


def place_of(refused: Refused) -> Place:
    """Who was refused what, and why: the same for all that one row stands for."""
    visit = current_visit()
    actor = refused.actor or (visit.find_actor() if visit is not None else None)
    kind, actor_id = known_as(actor) if actor is not None else (WORKER["actor_kind"], "")
    return refused.action, kind, actor_id, refused.organization_id, refused.target_id, refused.note
