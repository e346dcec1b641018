"""What a client's counts are of: the endpoint and consumer they name, by the rules of the service.

Clients count by route, so a rule about paths is asked with the route in the place of the path:
`/files/{name}` falls under the pattern `/files/*`, and not under `/files/report`. A rule thereby holds for a
count when it holds for all that was counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from monitor.ingest.entry import MAX_NAME_CHARS, Sender, label, named_route
from monitor.lib.exclusions import excluded_by
from monitor.lib.kept_text import storable
from monitor.lib.path_rules import route_by_rule

MAX_METHOD_CHARS = 16
NO_HEADERS: Mapping[str, str] = {}


class Told(Protocol):
    """A count, or a group of errors."""

    @property
    def method(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def consumer(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """An endpoint and a consumer of a service, to be found or made."""

    organization_id: UUID
    service_id: UUID
    method: str
    route: str
    consumer_identifier: str


def named(told: Told, sender: Sender) -> Named:
    return name_of(told.method, told.route, sender, consumer=told.consumer)


def name_of(method: str, route: str, sender: Sender, *, consumer: str = "") -> Named:
    """The endpoint as the service's paths that were split off have it, else as it is told."""
    method, route = method_of(method), named_route(route, route)
    return Named(
        organization_id=sender.organization_id,
        service_id=sender.service_id,
        method=method,
        route=(sender.path_rules and route_by_rule(sender.path_rules, method, route)) or route,
        consumer_identifier=label(consumer, MAX_NAME_CHARS),
    )


def method_of(method: str) -> str:
    return storable(method).upper()[:MAX_METHOD_CHARS]


def excluding_rule(route: str, sender: Sender) -> str | None:
    """The id of the rule by which the sender's service leaves out whatever has this route.

    Agents are unknown: who called does not stand in a count.
    """
    if not sender.exclusions:
        return None
    rule = excluded_by(sender.exclusions, path=named_route(route, route), headers=NO_HEADERS)
    return None if rule is None else rule["id"]
