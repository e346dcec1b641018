"""Who reads a stream, and what of the new logs is theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from monitor.lib.actors import Actor
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.models import RequestLog
from monitor.search.api import FoundLogSerializer
from monitor.search.filters import TextLogFilter, refusal
from monitor.search.finding import in_full
from monitor.search.phrases import keep_matching
from monitor.streams.events import event
from monitor.streams.reader import reader_and_request

# Logs of one tick that a stream carries; the newest of more, and the number of the others.
MOST_ROWS = 500
# What one search may take of a tick, in each slice of SLICE new logs.
LIMIT = timedelta(milliseconds=500)
SLICE = 2_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a stream was asked for. Streams of the same `key` get the same."""

    actor: Actor
    query: str
    ids_alone: bool

    @property
    def key(self) -> tuple[object, ...]:
        return (self.actor.label, self.actor.service_id, self.actor.key_id, self.query, self.ids_alone)

    @property
    def owners(self) -> tuple[tuple[str, int], ...]:
        """Whose streams are counted together, and how many they may have; 0 for any number."""
        actor = self.actor
        caller = f"user:{actor.user_id}" if actor.user_id is not None else f"key:{actor.key_id}"
        named = [(caller, settings.TAIL_STREAMS_KEY)] if not actor.is_anonymous else []
        # Who sees several organizations is one person, and none of them is to blame.
        if actor.key_id is not None and len(actor.grants) == 1:
            named += [(f"org:{next(iter(actor.grants))}", settings.TAIL_STREAMS_ORGANIZATION)]
        return tuple(named)


@dataclass(frozen=True, kw_only=True)
class Matches:
    """The new logs of one tick for one search. `unshown` match as well and were too many; `unread` could not
    be looked at in time."""

    events: Sequence[bytes] = ()
    unshown: int = 0
    unread: int = 0


def admit(scope: Any) -> Asked:
    """Who asks for what. Raises what the API answers to those who may not, and to a bad filter."""
    actor, request = reader_and_request(scope)
    if request.GET.get("fields") not in (None, "", "id"):
        raise ValidationError({"fields": "Must be 'id', or left out."})
    query = scope["query_string"].decode("latin-1")
    asked = Asked(actor=actor, query=query, ids_alone=request.GET.get("fields") == "id")
    filter_of(asked)
    return asked


def filter_of(asked: Asked) -> TextLogFilter:
    """The filter as it stands now: windows like `since:1h`, and the actor's services, move on."""
    logs = RequestLog.objects.visible_to(asked.actor)
    filterset = TextLogFilter(QueryDict(asked.query), queryset=logs)
    if not filterset.is_valid():
        raise refusal(filterset)
    return filterset


def matches(asked: Asked, filterset: TextLogFilter, new: Sequence[UUID]) -> Matches:
    """What of the new logs the search finds, in the order of their ids."""
    found: list[UUID] = []
    unread = 0
    for start in range(0, len(new), SLICE):
        slice_of_ids = new[start : start + SLICE]
        try:
            with time_limit(LIMIT):
                found += matching_ids(filterset, slice_of_ids)
        except TookTooLong:
            unread += len(slice_of_ids)
    found.sort()
    shown = found[-MOST_ROWS:]
    return Matches(
        events=[event("log", {"id": id_}) for id_ in shown] if asked.ids_alone else rows_of(filterset, shown),
        unshown=len(found) - len(shown),
        unread=unread,
    )


def matching_ids(filterset: TextLogFilter, new: Sequence[UUID]) -> list[UUID]:
    logs = filterset.qs.filter(id__in=new)
    if filterset.phrases:
        return [log.id for log in keep_matching(list(logs.only("id", "error")), filterset.phrases)]
    return list(logs.values_list("id", flat=True))


def rows_of(filterset: TextLogFilter, ids: Sequence[UUID]) -> list[bytes]:
    if not ids:
        return []
    rows = in_full(filterset.qs.with_names(), [RequestLog(id=id_) for id_ in ids])
    return [event("log", row) for row in FoundLogSerializer(rows, many=True).data]
