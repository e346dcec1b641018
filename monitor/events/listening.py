"""Whether somebody listens for a kind of event, known without asking the database each time."""

import time
from uuid import UUID

from monitor.events.catalogue import MANY
from monitor.models import WebhookEndpoint
from monitor.models.webhooks import patterns_of

# An endpoint that was made in another process is known here this much later.
MAX_AGE_S = 2.0
_WANTED_BY = sorted(set().union(*(patterns_of(type_) for type_ in MANY)))

_wanted: dict[UUID, frozenset[str]] = {}
_asked_at = float("-inf")


def is_wanted(organization_id: UUID, type_: str) -> bool:
    """Whether an endpoint of the organization listens for this type, one of MANY.

    Asks the database at most every two seconds in a process, so it costs ingestion nothing; an answer may be
    that old. Mode and environment are looked at when the event is told.
    """
    global _wanted, _asked_at
    now = time.monotonic()
    if now - _asked_at > MAX_AGE_S:
        _asked_at = now
        _wanted = ask()
    patterns = _wanted.get(organization_id)
    return patterns is not None and not patterns.isdisjoint(patterns_of(type_))


def ask() -> dict[UUID, frozenset[str]]:
    wanted: dict[UUID, set[str]] = {}
    rows = WebhookEndpoint.objects.listening().filter(enabled_events__overlap=_WANTED_BY)
    for organization_id, patterns in rows.values_list("organization_id", "enabled_events"):
        wanted.setdefault(organization_id, set()).update(patterns)
    return {organization_id: frozenset(patterns) for organization_id, patterns in wanted.items()}


def forget_listeners() -> None:
    """Ask again at the next look: an endpoint was made or changed in this process."""
    global _asked_at
    _asked_at = float("-inf")
