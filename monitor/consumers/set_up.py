"""Let the name of a forgotten consumer go from what people set up and what its calls made known: saved views,
routes of endpoints, and paths that were split off.

Names are looked for as in logs, but a route is everybody's: where its word is a plain one and others call it,
too, it says nothing of one of them, and stays.
"""

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
    rules = forget_in_path_rules(consumer, names, left=left)
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
    """Whether the name is a plain word in this route. One with a digit, an @ or a blank is nobody else's."""
    said = [segment for segment in endpoint.route.split("/") if names_segment(segment, names)]
    if not all(unquote(segment).isalpha() for segment in said):
        return False
    logs = RequestLog.objects.of_services([endpoint.service_id])
    logs = logs.filter(endpoint=endpoint.merged_into_id or endpoint.id)
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


def forget_in_path_rules(consumer: Consumer, names: Collection[str], *, left: Collection[str]) -> int:
    """Paths that were split off by its name are no longer: a rule without the name would take no path."""
    gone = 0
    services = Service.objects.filter(organization=consumer.organization_id).exclude(path_rules=[])
    for service in services.select_for_update(no_key=True).order_by("id"):
        kept = [rule for rule in service.path_rules if not is_about(rule, names, left=left)]
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
        if pattern != move.pattern:
            EndpointMove.objects.filter(id=move.id).update(pattern=pattern[:MAX_ROUTE_CHARS])
    return gone


def is_about(rule: Mapping[str, str], names: Collection[str], *, left: Collection[str]) -> bool:
    spelled = holds_name(rule["pattern"], names) or holds_name(rule["route"], names)
    return spelled and rule["route"] not in left
