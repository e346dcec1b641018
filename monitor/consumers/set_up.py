"""Let the name of a forgotten consumer go from what people set up and what its calls made known: saved views
(`saved_views`), routes of endpoints, and paths that were split off.

Names are looked for as in logs, but a route is everybody's: where its word is a plain one or a version (`v1`,
`2`: ids of users are often such numbers) and others call it, too, it says nothing of one of them, and stays.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from monitor.alerts.forgetting import forget_route
from monitor.consumers.saved_views import forget_in_views
from monitor.ingest.naming import forget_names
from monitor.lib.mentions import (
    is_version,
    names_segment,
    segments_naming,
    sql_pattern,
    without_segments,
)
from monitor.models import Consumer, Endpoint, EndpointMove, RequestLog, Service

MAX_ROUTE_CHARS = 256


@dataclass(frozen=True, kw_only=True)
class Unnamed:
    """How many of each lost the name; `routes_left` hold it and stay."""

    views: int = 0
    routes: int = 0
    path_rules: int = 0
    routes_left: int = 0


@transaction.atomic
def forget_in_set_up(consumer: Consumer, names: Collection[str], *, known_by: datetime) -> Unnamed:
    """Harmless twice. Routes that were met after `known_by` are of somebody who calls since then."""
    renamed: dict[UUID, str] = {}
    left: set[str] = set()
    for endpoint in endpoints_naming(consumer, names, known_by=known_by):
        if is_of_others(endpoint, consumer, names):
            left.add(endpoint.route)
        else:
            renamed[endpoint.id] = rename(endpoint, names, instead=consumer.identifier)
    rules = forget_in_path_rules(consumer, names)
    # After the routes: what stays there stays in searches for them, too.
    views = forget_in_views(consumer, names, routes_left=left)
    if renamed or rules:
        transaction.on_commit(forget_names)
    return Unnamed(views=views, routes=len(renamed), path_rules=rules, routes_left=len(left))


# --- Routes ------------------------------------------------------------------------------------------------


def holds_name(route: str, names: Collection[str]) -> bool:
    return any(names_segment(segment, names) for segment in route.split("/"))


def endpoints_naming(consumer: Consumer, names: Collection[str], *, known_by: datetime) -> list[Endpoint]:
    within = Endpoint.objects.filter(
        service__organization=consumer.organization_id,
        first_seen_at__lte=known_by,
        route__iregex=sql_pattern(names),
    )
    return [each for each in within.select_for_update(of=("self",)) if holds_name(each.route, names)]


def is_of_others(endpoint: Endpoint, consumer: Consumer, names: Collection[str]) -> bool:
    """Whether the name is a plain word in this route, or a version. Any other is nobody else's: a mail
    address in a route goes even where staff call it, too."""
    named = segments_naming(endpoint.route, names)
    if not are_common(named):
        return False
    within = endpoints_beneath(endpoint, named) if any(map(is_version, named)) else [endpoint]
    return is_called_by_others([each.merged_into_id or each.id for each in within], endpoint, consumer)


def are_common(words: Collection[str]) -> bool:
    return all(word.isalpha() or is_version(word) for word in words)


def endpoints_beneath(endpoint: Endpoint, named: Collection[str]) -> list[Endpoint]:
    """Those of the service whose routes begin as this one does, up to the name: a version is one for all of
    them, though this one may be called by nobody else."""
    segments = endpoint.route.split("/")
    place = next(index for index, segment in enumerate(segments) if unquote(segment) in named)
    prefix = "/".join(segments[: place + 1])
    there = Endpoint.objects.filter(service=endpoint.service_id)
    return list(there.filter(Q(route=prefix) | Q(route__startswith=f"{prefix}/")))


def is_called_by_others(ids: Collection[UUID], endpoint: Endpoint, consumer: Consumer) -> bool:
    """By the index of endpoints, until the first one is found."""
    logs = RequestLog.objects.of_services([endpoint.service_id]).filter(endpoint__in=ids)
    return logs.exclude(Q(consumer=None) | Q(consumer=consumer.id)).exists()


def rename(endpoint: Endpoint, names: Collection[str], *, instead: str) -> str:
    """In place: another name beside it, as a rename by hand leaves, would be the old one."""
    old = str(endpoint)
    endpoint.route = free_route(endpoint, without_segments(endpoint.route, names, instead=instead))
    endpoint.save(update_fields=["route"])
    forget_route(endpoint.service_id, old, instead=str(endpoint))
    return endpoint.route


def free_route(endpoint: Endpoint, route: str) -> str:
    others = Endpoint.objects.filter(service=endpoint.service_id, method=endpoint.method)
    taken = set(others.exclude(id=endpoint.id).values_list("route", flat=True))
    candidate, number = route[:MAX_ROUTE_CHARS], 1
    while candidate in taken:
        number += 1
        candidate = f"{route[: MAX_ROUTE_CHARS - 8]}-{number}"
    return candidate


def forget_in_path_rules(consumer: Consumer, names: Collection[str]) -> int:
    """Paths that were split off by its name are no longer: a rule without the name would take no path."""
    gone = 0
    stay: set[tuple[UUID, str]] = set()
    services = Service.objects.filter(organization=consumer.organization_id).exclude(path_rules=[])
    for service in services.select_for_update(no_key=True).order_by("id"):
        kept = [rule for rule in service.path_rules if not is_about(rule, service, consumer, names)]
        stay.update((service.id, rule["pattern"]) for rule in kept)
        if len(kept) < len(service.path_rules):
            gone += len(service.path_rules) - len(kept)
            service.path_rules = kept
            service.save(update_fields=["path_rules"])
    moves = EndpointMove.objects.filter(
        service__organization=consumer.organization_id, pattern__iregex=sql_pattern(names)
    )
    # One that is under way still needs its pattern; the last look comes after its own.
    for move in moves.exclude(finished_at=None):
        pattern = without_segments(move.pattern, names, instead=consumer.identifier)
        if pattern != move.pattern and (move.service_id, move.pattern) not in stay:
            EndpointMove.objects.filter(id=move.id).update(pattern=pattern[:MAX_ROUTE_CHARS])
    return gone


def is_about(rule: Mapping[str, str], service: Service, consumer: Consumer, names: Collection[str]) -> bool:
    """Whether a rule spells the name, and what it splits off is not of others, too."""
    named = [*segments_naming(rule["pattern"], names), *segments_naming(rule["route"], names)]
    if not named:
        return False
    # Routes that were the consumer's alone are renamed by now, and not found.
    endpoint = Endpoint.objects.filter(service=service.id, method=rule["method"], route=rule["route"]).first()
    if endpoint is None or not are_common(named):
        return True
    return not is_of_others(endpoint, consumer, names)
