"""Which endpoint and which consumer a log belongs to: found, or made on first sight.

Rows are made in transactions of their own, before the logs' transaction: two senders that meet a new
endpoint at once then wait for each other for a moment only, and the cache never holds an id that was
rolled back.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.conf import settings

from monitor.ingest.entry import Entry
from monitor.lib.ids import new_uuid7
from monitor.models import Consumer, Endpoint
from monitor.models.services import OTHER

Name = TypeVar("Name")
EndpointName = tuple[str, str]
MAX_CACHED_NAMES = 100_000

_endpoints: dict[tuple[UUID, EndpointName], UUID] = {}
_consumers: dict[tuple[UUID, str], UUID] = {}


def forget_names() -> None:
    """Empty this process's caches."""
    _endpoints.clear()
    _consumers.clear()


def endpoints_for(
    entries: Iterable[Entry], *, service_id: UUID, now: datetime
) -> Mapping[EndpointName, UUID]:
    """The endpoint id of each method and route in the entries."""
    names = {(entry.method, entry.route) for entry in entries}

    def find(wanted: set[EndpointName]) -> dict[EndpointName, UUID]:
        # By route alone: one OR for each pair took seconds to build for a large batch of new names.
        rows = Endpoint.objects.filter(service_id=service_id, route__in={route for _, route in wanted})
        found = rows.values_list("method", "route", "id")
        return {(method, route): id_ for method, route, id_ in found if (method, route) in wanted}

    def make(wanted: list[EndpointName]) -> None:
        Endpoint.objects.bulk_create(
            [
                Endpoint(id=new_uuid7(), service_id=service_id, method=method, route=route, first_seen_at=now)
                for method, route in wanted
            ],
            ignore_conflicts=True,
        )

    def room() -> int:
        return settings.MAX_ENDPOINTS_PER_SERVICE - Endpoint.objects.filter(service_id=service_id).count()

    return _resolve(names, ("*", OTHER), service_id, _endpoints, find=find, make=make, room=room)


def consumers_for(entries: Iterable[Entry], *, organization_id: UUID, now: datetime) -> Mapping[str, UUID]:
    """The consumer id of each identifier in the entries."""
    names = {entry.consumer_identifier for entry in entries if entry.consumer_identifier}

    def find(wanted: set[str]) -> dict[str, UUID]:
        rows = Consumer.objects.filter(organization_id=organization_id, identifier__in=wanted)
        return dict(rows.values_list("identifier", "id"))

    def make(wanted: list[str]) -> None:
        Consumer.objects.bulk_create(
            [
                Consumer(id=new_uuid7(), organization_id=organization_id, identifier=name, first_seen_at=now)
                for name in wanted
            ],
            ignore_conflicts=True,
        )

    def room() -> int:
        taken = Consumer.objects.filter(organization_id=organization_id).count()
        return settings.MAX_CONSUMERS_PER_ORGANIZATION - taken

    return _resolve(names, OTHER, organization_id, _consumers, find=find, make=make, room=room)


def _resolve(
    names: set[Name],
    other: Name,
    owner_id: UUID,
    cache: dict[tuple[UUID, Name], UUID],
    *,
    find: Callable[[set[Name]], dict[Name, UUID]],
    make: Callable[[list[Name]], None],
    room: Callable[[], int],
) -> Mapping[Name, UUID]:
    """Ids by name, from the cache, the table, or made now; names beyond the cap get the other's id.

    Two processes may together go over the cap by as many as one batch names: the cap bounds growth.
    """
    known = {name: cache[owner_id, name] for name in names if (owner_id, name) in cache}
    if len(known) == len(names):
        return known
    known |= find(names - known.keys())
    if new := sorted(names - known.keys()):  # type: ignore[type-var] # names are texts or pairs of texts
        space = max(room(), 0)
        made, over = new[:space], new[space:]
        if made:
            make(made)
        if over:
            make([other])
        found = find({*made, other} if over else set(made))
        known |= {name: found[name if name in found else other] for name in new if name in found or over}
    if len(cache) + len(known) > MAX_CACHED_NAMES:
        cache.clear()
    cache.update({(owner_id, name): id_ for name, id_ in known.items()})
    return known
