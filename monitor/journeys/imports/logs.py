"""A journey out of logged requests, oldest first. What was masked becomes a secret still to be given."""

from collections.abc import Sequence
from uuid import UUID

from monitor.journeys.document import MOST_STEPS
from monitor.journeys.imports.bringing import BadImport, Imported
from monitor.journeys.imports.requests import add_request
from monitor.lib.actors import Actor, Scope
from monitor.models import Service
from monitor.replay.prepare import lines, with_query
from monitor.search.detail import reach_log, read_detail


def read_logs(ids: Sequence[UUID], *, actor: Actor) -> tuple[Imported, Service | None]:
    """The steps, and the service when all requests are of one. Raises BadImport, and Http404 for a log that
    the actor cannot see."""
    if not ids:
        raise BadImport("Choose a request at least.")
    if len(ids) > MOST_STEPS:
        raise BadImport(f"A journey has {MOST_STEPS} steps at most.")
    brought = Imported(name="From logs")
    services: dict[UUID, Service] = {}
    for log_id in sorted(set(ids)):
        log = reach_log(actor, log_id, Scope.READ)
        detail = read_detail(log)
        service = services.setdefault(log.service_id, log.service)
        url = with_query(log.url, detail.query_params)
        if "://" not in url:
            brought.variables.setdefault("base_url", service.base_url.rstrip("/") or "http://localhost")
            url = "{{base_url}}/" + url.lstrip("/")
            if not service.base_url:
                brought.note("note", log.path, "it was kept without its host: give the variable base_url.")
        if detail.request_truncated or detail.request_body_dropped:
            brought.note("partly", log.path, "the body was not kept whole.")
        pairs = [
            (name, line) for name, value in (detail.request_headers or {}).items() for line in lines(value)
        ]
        add_request(
            brought,
            method=log.method,
            url=url,
            headers=pairs,
            body=detail.request_body or "",
            status=log.status_code,
        )
    if not brought.steps:
        raise BadImport("None of these requests can be sent.")
    return brought, next(iter(services.values())) if len(services) == 1 else None
