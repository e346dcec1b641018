"""Let the name of a forgotten consumer go from what people set up and what its calls made known: saved views,
routes of endpoints, and paths that were split off.

Names are looked for as in logs, but a route is everybody's: where its word is a plain one or a version (`v1`,
`2`: ids of users are often such numbers) and others call it, too, it says nothing of one of them, and stays.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote, urlencode
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from monitor.alerts.forgetting import forget_route
from monitor.ingest.naming import forget_names
from monitor.lib.mentions import sql_pattern, without_mentions
from monitor.models import Consumer, Endpoint, EndpointMove, RequestLog, SavedView, Service
from monitor.models.views import MAX_QUERY_CHARS

# Filters of a view that hold words of requests; the others hold ids, numbers and words of ours.
WORDY = frozenset({"q", "consumer", "path", "tag", "trace_id"})
MAX_NAME_CHARS = 128
MAX_ROUTE_CHARS = 256
VERSION = re.compile(r"v?[0-9]{1,4}(?:\.[0-9]{1,3}){0,2}", re.IGNORECASE)


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
    views = sum(
        forget_in_view(view, names, instead=consumer.identifier) for view in views_naming(consumer, names)
    )
    renamed: dict[UUID, str] = {}
    left: set[str] = set()
    for endpoint in endpoints_naming(consumer, names, known_by=known_by):
        if is_of_others(endpoint, consumer, names):
            left.add(endpoint.route)
        else:
            renamed[endpoint.id] = rename(endpoint, names, instead=consumer.identifier)
    rules = forget_in_path_rules(consumer, names)
    if renamed or rules:
        transaction.on_commit(forget_names)
    return Unnamed(views=views, routes=len(renamed), path_rules=rules, routes_left=len(left))


# --- Saved views -------------------------------------------------------------------------------------------


def views_naming(consumer: Consumer, names: Collection[str]) -> list[SavedView]:
    """Locked. Those whose query names it; what a view is called alone may be anybody's word."""
    views = SavedView.objects.filter(organization=consumer.organization_id).select_for_update()
    return [view for view in views.order_by("id") if without_name(view.query, names, "") != view.query]


def without_name(query: str, names: Collection[str], instead: str) -> str:
    """The query string, spelled as it is kept; itself where it names nobody."""
    pairs = parse_qsl(query, keep_blank_values=True)
    said = [
        (key, without_mentions(value, names, instead=instead) if key in WORDY else value)
        for key, value in pairs
    ]
    return query if said == pairs else urlencode(said)


def forget_in_view(view: SavedView, names: Collection[str], *, instead: str) -> int:
    """The view finds what it found: the same requests, by the name that says nothing."""
    view.query = without_name(view.query, names, instead)[:MAX_QUERY_CHARS]
    view.name = free_name(view, without_mentions(view.name, names, instead=instead))
    view.save(update_fields=["query", "name", "updated_at"])
    return 1


def free_name(view: SavedView, name: str) -> str:
    """The name, or with a number behind it where another view has it."""
    others = SavedView.objects.filter(organization=view.organization_id, owner=view.owner_id)
    taken = set(others.exclude(id=view.id).values_list("name", flat=True))
    name, number = name[:MAX_NAME_CHARS], 1
    candidate = name
    while candidate in taken:
        number += 1
        candidate = f"{name[: MAX_NAME_CHARS - 8]} {number}"
    return candidate


# --- Routes ------------------------------------------------------------------------------------------------


def names_segment(segment: str, names: Collection[str]) -> bool:
    """Whether a segment is one of the names, in any case and however it is escaped."""
    return unquote(segment).casefold() in {name.casefold() for name in names if name}


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


def segments_naming(route: str, names: Collection[str]) -> list[str]:
    return [unquote(segment) for segment in route.split("/") if names_segment(segment, names)]


def are_common(words: Collection[str]) -> bool:
    return all(word.isalpha() or is_version(word) for word in words)


def is_version(word: str) -> bool:
    return VERSION.fullmatch(word) is not None


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


def without_segments(route: str, names: Collection[str], *, instead: str) -> str:
    return "/".join(instead if names_segment(each, names) else each for each in route.split("/"))


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
