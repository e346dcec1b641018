"""Give endpoints other names, make one of several, or take paths out of one: from now on, and in history.

From now on is at once, by names that ingestion reads anyway. History follows by a task, day by day: see
`monitor.endpoints.history`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction

from monitor.endpoints import tasks
from monitor.endpoints.history import days_of_logs, issue_shares, logs_to_move, takes_counts
from monitor.ingest.naming import forget_names
from monitor.lib.path_rules import BadPattern, PathRule, closest_first, expression_of
from monitor.lib.routes import normalize_route
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics.question import first_whole_day
from monitor.metrics.subjects import days_with_numbers
from monitor.models import Endpoint, EndpointMove, ErrorIssue, Service
from monitor.models.metrics import Source
from monitor.models.services import OTHER

MAX_RULES = 50
MAX_MERGED = 50
SAMPLES = 10
COUNT_LIMIT = timedelta(seconds=3)


class CannotReshape(Exception):
    """Why it cannot be done; `field` names what was asked wrongly."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NameTaken(CannotReshape):
    """Another endpoint has this name."""

    def __init__(self) -> None:
        super().__init__("route", "Another endpoint of the service has this name: merge the two.")


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a change does to history. `logs` is None where counting took too long; `paths` are of the newest.

    `since` is the oldest day whose numbers change; None when nothing does. `issues` go along, and
    `shared_issues` are of other paths too and are divided. `counts_stay` says that clients counted requests
    of which nobody can tell whether they were of these paths.
    """

    logs: int | None
    paths: Sequence[str]
    since: date | None
    issues: int = 0
    shared_issues: int = 0
    counts_stay: bool = False


def check_own(endpoint: Endpoint) -> None:
    """Raises CannotReshape for one that is no endpoint of its own."""
    if endpoint.route == OTHER:
        raise CannotReshape("endpoint_id", "What is beyond the cap has no name of its own.")
    if endpoint.merged_into_id is not None:
        raise CannotReshape("endpoint_id", "This endpoint was merged into another one.")


# --- Rename ------------------------------------------------------------------------------------------------


@transaction.atomic
def rename(endpoint: Endpoint, route: str, *, now: datetime) -> Endpoint:
    """The endpoint under another route. Requests that come under its old one are still its own.

    Raises NameTaken and CannotReshape.
    """
    (endpoint,) = locked([endpoint.id])
    check_own(endpoint)
    route = normalize_route(route)
    if not route or route == OTHER:
        raise CannotReshape("route", "Give a route, such as /orders/{id}.")
    if route == endpoint.route:
        return endpoint
    there = Endpoint.objects.filter(service=endpoint.service_id, method=endpoint.method, route=route).first()
    if there is not None and there.merged_into_id != endpoint.id:
        raise NameTaken
    old = endpoint.route
    if there is None:
        endpoint.route = route
        endpoint.save(update_fields=["route"])
        Endpoint.objects.create(
            service_id=endpoint.service_id,
            method=endpoint.method,
            route=old,
            first_seen_at=now,
            noticed_at=now,
            merged_into=endpoint,
        )
    else:
        # It had this name before; the two change places, past a name that nobody can have.
        for row, name in ((there, ""), (endpoint, route), (there, old)):
            row.route = name
            row.save(update_fields=["route"])
    transaction.on_commit(forget_names)
    return endpoint


# --- Merge -------------------------------------------------------------------------------------------------


def preview_merge(target: Endpoint, sources: Sequence[Endpoint]) -> Preview:
    """Raises CannotReshape."""
    check_merge(target, sources)
    days = [day for source in sources for day in (*days_with_numbers(source.id), *days_of_logs(source.id))]
    moves = [EndpointMove(service_id=target.service_id, source=source, target=target) for source in sources]
    issues = ErrorIssue.objects.filter(endpoint__in=sources).count()
    return replace(looked_at(moves, since=min(days, default=None)), issues=issues)


@transaction.atomic
def merge(target: Endpoint, sources: Sequence[Endpoint], *, by: str, now: datetime) -> list[EndpointMove]:
    """Make the sources other names of the target; their logs and numbers follow. Raises CannotReshape."""
    rows = {row.id: row for row in locked([target.id, *(source.id for source in sources)])}
    target, sources = rows[target.id], [rows[source.id] for source in sources]
    check_merge(target, sources)
    ids = [source.id for source in sources]
    Endpoint.objects.filter(merged_into__in=ids).update(merged_into=target)
    Endpoint.objects.filter(id__in=ids).update(merged_into=target)
    moves = [
        EndpointMove(service_id=target.service_id, source=source, target=target, asked_by=by, asked_at=now)
        for source in sources
    ]
    return begin(moves)


def check_merge(target: Endpoint, sources: Sequence[Endpoint]) -> None:
    check_own(target)
    if not 0 < len(sources) <= MAX_MERGED:
        raise CannotReshape("endpoints", f"Name 1 to {MAX_MERGED} endpoints.")
    for source in sources:
        if source.id == target.id:
            raise CannotReshape("endpoints", "An endpoint cannot be merged into itself.")
        if (source.service_id, source.method) != (target.service_id, target.method):
            raise CannotReshape("endpoints", "All must be of one service and one method.")
        if source.route == OTHER or source.merged_into_id is not None:
            raise CannotReshape("endpoints", f"{source} is no endpoint of its own.")


# --- Split -------------------------------------------------------------------------------------------------


def preview_split(source: Endpoint, *, pattern: str, method: str, now: datetime) -> Preview:
    """Raises CannotReshape."""
    check_split(source, pattern, method)
    since = first_whole_day([source.service_id], now).date()
    days = [day for day in days_of_logs(source.id) if day >= since]
    move = EndpointMove(
        service_id=source.service_id, source=source, target=source, method=method, pattern=pattern
    )
    seen = looked_at([move], since=min(days, default=None))
    shares = issue_shares(move)
    return replace(
        seen,
        issues=len(shares.whole),
        shared_issues=len(shares.shared),
        counts_stay=not takes_counts(move) and bool(days_with_numbers(source.id, sources=[Source.CLIENT])),
    )


@transaction.atomic
def split(source: Endpoint, *, pattern: str, method: str, route: str, by: str, now: datetime) -> EndpointMove:
    """Make requests of this method to such paths an endpoint of their own. Raises NameTaken, CannotReshape.

    From now on that holds whatever route they are sent with; of history the source's own logs follow, and
    its numbers as far back as its logs are whole.
    """
    check_split(source, pattern, method)
    route = normalize_route(
        route or pattern.removesuffix("/*") + ("/{rest}" if pattern.endswith("/*") else "")
    )
    service = Service.objects.select_for_update(no_key=True).get(id=source.service_id)
    if (method, route) == (source.method, source.route) or route == OTHER:
        raise NameTaken
    # Whoever asks for it knows of it.
    target, _ = Endpoint.objects.get_or_create(
        service=service, method=method, route=route, defaults={"first_seen_at": now, "noticed_at": now}
    )
    if target.merged_into_id is not None:
        raise NameTaken
    others = [rule for rule in service.path_rules if (rule["method"], rule["pattern"]) != (method, pattern)]
    if len(others) >= MAX_RULES:
        raise CannotReshape("pattern", f"A service has at most {MAX_RULES} paths that were split off.")
    # Of two that are as close, the latest first: it was made knowing the other.
    made = PathRule(method=method, pattern=pattern, route=route)
    service.path_rules = closest_first([made, *others])
    service.save(update_fields=["path_rules"])
    move = EndpointMove(
        service=service,
        source=source,
        target=target,
        method=method,
        pattern=pattern,
        asked_by=by,
        asked_at=now,
    )
    return begin([move])[0]


def check_split(source: Endpoint, pattern: str, method: str) -> None:
    if source.merged_into_id is not None:
        raise CannotReshape("endpoint_id", "This endpoint was merged into another one.")
    if source.method == "*" and method == "*":
        raise CannotReshape("method", "Name the method: this endpoint has requests of several.")
    if source.method not in ("*", method):
        raise CannotReshape("method", f"This endpoint has {source.method} requests alone.")
    try:
        expression_of(pattern)
    except BadPattern as error:
        raise CannotReshape("pattern", str(error)) from None


# --- What they share ---------------------------------------------------------------------------------------


def locked(ids: Sequence[UUID]) -> list[Endpoint]:
    """In the order of ids, so that two who change the same names wait for each other in one order."""
    found = {row.id: row for row in Endpoint.objects.select_for_update().filter(id__in=ids).order_by("id")}
    return [found[id_] for id_ in dict.fromkeys(ids)]


def begin(moves: list[EndpointMove]) -> list[EndpointMove]:
    """Write the moves down and have the worker carry them out; the jobs join the transaction."""
    EndpointMove.objects.bulk_create(moves)
    for move in moves:
        tasks.move_endpoint.defer(move_id=str(move.id))
    transaction.on_commit(forget_names)
    return moves


def looked_at(moves: Sequence[EndpointMove], *, since: date | None) -> Preview:
    paths: list[str] = []
    for move in moves:
        newest = logs_to_move(move).newest_first().values_list("path", flat=True)[:SAMPLES]
        paths += list(dict.fromkeys(newest))
    try:
        with time_limit(COUNT_LIMIT):
            logs = sum(logs_to_move(move).count() for move in moves)
    except TookTooLong:
        return Preview(logs=None, paths=paths[:SAMPLES], since=since)
    return Preview(logs=logs, paths=paths[:SAMPLES], since=since)
