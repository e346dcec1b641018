"""Which endpoint and which consumer a log belongs to: found, or made on first sight.

Rows are made in transactions of their own, before the logs' transaction: two senders that meet a new
endpoint at once then wait for each other for a moment only, and the cache never holds an id that was
rolled back.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce

from monitor.events import hand_over, is_wanted
from monitor.events.drafting import created_consumer
from monitor.lib.ids import new_uuid7
from monitor.models import Consumer, Endpoint
from monitor.models.services import OTHER

Name = TypeVar("Name")
Id = TypeVar("Id")
EndpointName = tuple[str, str]
MAX_CACHED_NAMES = 100_000
# A consumer who was forgotten is met anew by every process after this long; it costs a look-up a minute.
MAX_AGE_S = 60.0

# By the numbers within ids: UUIDs hash and compare in Python, at several times the cost.
_endpoint_key = attrgetter("service_id.int", "method", "route")
_consumer_key = attrgetter("organization_id.int", "consumer_identifier")

_endpoints: dict[tuple[UUID, EndpointName], UUID] = {}
_consumers: dict[tuple[UUID, str], UUID] = {}
_emptied_at = 0.0


class Named(Protocol):
    """What belongs to an endpoint, and maybe to a consumer."""

    @property
    def organization_id(self) -> UUID: ...
    @property
    def service_id(self) -> UUID: ...
    @property
    def method(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def consumer_identifier(self) -> str: ...


def forget_names() -> None:
    """Empty this process's caches."""
    global _emptied_at
    _emptied_at = time.monotonic()
    _endpoints.clear()
    _consumers.clear()


@dataclass(frozen=True, kw_only=True)
class Names:
    """Endpoint and consumer ids of a batch, by owner and name."""

    endpoints: Mapping[tuple[UUID, EndpointName], UUID]
    consumers: Mapping[tuple[UUID, str], UUID]

    def endpoint_of(self, entry: Named) -> UUID:
        return self.endpoints[entry.service_id, (entry.method, entry.route)]

    def consumer_of(self, entry: Named) -> UUID | None:
        return self.consumers.get((entry.organization_id, entry.consumer_identifier))

    def endpoints_of(self, entries: Iterable[Named]) -> list[UUID]:
        """The endpoint of each entry."""
        return looked_up(entries, by=_endpoint_key, in_=self.endpoint_of)

    def consumers_of(self, entries: Iterable[Named]) -> list[UUID | None]:
        """The consumer of each entry, if it has one."""
        return looked_up(entries, by=_consumer_key, in_=self.consumer_of)


def looked_up(
    entries: Iterable[Named], *, by: Callable[[Named], Any], in_: Callable[[Named], Id]
) -> list[Id]:
    """What `in_` gives for each entry, asked once for those that are alike by their key."""
    known: dict[Any, Id] = {}
    found: list[Id] = []
    for entry in entries:
        key = by(entry)
        if key not in known:
            known[key] = in_(entry)
        found.append(known[key])
    return found


def names_for(entries: Sequence[Named], *, now: datetime) -> Names:
    """The names of all entries, which may be of several services."""
    if time.monotonic() - _emptied_at > MAX_AGE_S:
        forget_names()
    routes: dict[UUID, set[EndpointName]] = defaultdict(set)
    identifiers: dict[UUID, set[str]] = defaultdict(set)
    for entry in {_endpoint_key(entry): entry for entry in entries}.values():
        routes[entry.service_id].add((entry.method, entry.route))
    for entry in {_consumer_key(entry): entry for entry in entries}.values():
        if entry.consumer_identifier:
            identifiers[entry.organization_id].add(entry.consumer_identifier)
    endpoints: dict[tuple[UUID, EndpointName], UUID] = {}
    # Sorted, so that two batches that make the same names wait for each other in one order.
    for service_id in sorted(routes):
        endpoints |= resolve(routes[service_id], ServiceEndpoints(service_id, now), _endpoints)
    consumers: dict[tuple[UUID, str], UUID] = {}
    for organization_id in sorted(identifiers):
        owner = OrganizationConsumers(organization_id, now)
        consumers |= resolve(identifiers[organization_id], owner, _consumers)
    return Names(endpoints=endpoints, consumers=consumers)


class Owner(Protocol[Name]):
    """Whose names these are: how they are found and made."""

    id: UUID
    other: Name

    def find(self, wanted: set[Name]) -> dict[Name, UUID]: ...
    def make(self, wanted: list[Name]) -> None: ...
    def room(self) -> int: ...


class ServiceEndpoints:
    other: EndpointName = ("*", OTHER)

    def __init__(self, service_id: UUID, now: datetime) -> None:
        self.id = service_id
        self.now = now

    def find(self, wanted: set[EndpointName]) -> dict[EndpointName, UUID]:
        # By route alone: one OR for each pair took seconds to build for a large batch of new names.
        rows = Endpoint.objects.filter(service_id=self.id, route__in={route for _, route in wanted})
        found = rows.values_list("method", "route", Coalesce("merged_into", "id"))
        return {(method, route): id_ for method, route, id_ in found if (method, route) in wanted}

    def make(self, wanted: list[EndpointName]) -> None:
        rows = [
            Endpoint(id=new_uuid7(), service_id=self.id, method=method, route=route, first_seen_at=self.now)
            for method, route in wanted
        ]
        Endpoint.objects.bulk_create(rows, ignore_conflicts=True)

    def room(self) -> int:
        taken = Endpoint.objects.standing().filter(service_id=self.id).count()
        return int(settings.MAX_ENDPOINTS_PER_SERVICE) - taken


class OrganizationConsumers:
    other: str = OTHER

    def __init__(self, organization_id: UUID, now: datetime) -> None:
        self.id = organization_id
        self.now = now

    def find(self, wanted: set[str]) -> dict[str, UUID]:
        rows = Consumer.objects.filter(organization_id=self.id, identifier__in=wanted)
        return dict(rows.values_list("identifier", "id"))

    def make(self, wanted: list[str]) -> None:
        rows = [
            Consumer(id=new_uuid7(), organization_id=self.id, identifier=name, first_seen_at=self.now)
            for name in wanted
        ]
        if not is_wanted(self.id, "consumer.created"):
            Consumer.objects.bulk_create(rows, ignore_conflicts=True)
            return
        with transaction.atomic():
            Consumer.objects.bulk_create(rows, ignore_conflicts=True)
            # Those that somebody else made meanwhile have another id, and were told by whoever made them.
            ours = Consumer.objects.filter(id__in=[row.id for row in rows]).exclude(identifier=OTHER)
            hand_over([created_consumer(consumer) for consumer in ours])

    def room(self) -> int:
        taken = Consumer.objects.filter(organization_id=self.id).count()
        return int(settings.MAX_CONSUMERS_PER_ORGANIZATION) - taken


def resolve(
    names: set[Name], owner: Owner[Name], cache: dict[tuple[UUID, Name], UUID]
) -> dict[tuple[UUID, Name], UUID]:
    """Ids by owner and name, from the cache, the table, or made now.

    Names beyond the cap get the other's id. Two processes may together go over the cap by as many as one
    batch names: the cap bounds growth.
    """
    # Asked once each: another thread may empty the cache in between.
    known = {name: id_ for name in names if (id_ := cache.get((owner.id, name))) is not None}
    if len(known) < len(names):
        known |= owner.find(names - known.keys())
        known |= make_missing(sorted(names - known.keys()), owner)  # type: ignore[type-var] # texts, or pairs
        if len(cache) + len(known) > MAX_CACHED_NAMES:
            cache.clear()
        cache.update({(owner.id, name): id_ for name, id_ in known.items()})
    return {(owner.id, name): id_ for name, id_ in known.items()}


def make_missing(names: list[Name], owner: Owner[Name]) -> dict[Name, UUID]:
    """Ids of names that are in no table yet: new ones while there is room, the other's for the rest."""
    if not names:
        return {}
    space = max(owner.room(), 0)
    made, over = names[:space], names[space:]
    rows = [*made, owner.other] if over else made
    owner.make(rows)
    found = owner.find(set(rows))
    return {name: found[name if name in found else owner.other] for name in names}
