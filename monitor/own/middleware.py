"""Notes each call of our own API down, once it is answered."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from monitor.api.versioning import has_versions
from monitor.audit import Visit
from monitor.lib.actors import Actor
from monitor.own.calls import OwnCall, calls

MAX_AGENT_CHARS = 300


class OwnRequestsMiddleware:
    """Ingestion doors are left out: a log of each log that arrives would double what is kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.OWN_REQUESTS or not request.path.startswith("/v1/"):
            return self.get_response(request)
        started = time.perf_counter()
        response = self.get_response(request)
        match, visit = request.resolver_match, getattr(request, "visit", None)
        if match is not None and visit is not None and has_versions(request, match.func):
            note(request, response, visit, seconds=time.perf_counter() - started)
        return response


def note(request: HttpRequest, response: HttpResponse, visit: Visit, *, seconds: float) -> None:
    actor = visit.find_actor()
    organization_id = organization_of(actor)
    if organization_id is None:
        return
    calls.put(
        OwnCall(
            organization_id=organization_id,
            mode=mode_of(response),
            caller=actor.label,
            method=request.method or "",
            path=request.path,
            query=request.META.get("QUERY_STRING", ""),
            route=visit.route,
            status_code=response.status_code,
            latency_ms=round(seconds * 1000, 2),
            called_at=timezone.now() - timedelta(seconds=seconds),
            request_id=visit.request_id,
            ip=visit.ip,
            user_agent=visit.user_agent[:MAX_AGENT_CHARS],
            request_bytes=length_of(request.META.get("CONTENT_LENGTH")),
            response_bytes=None if response.streaming else len(response.content),
        )
    )


def organization_of(actor: Actor) -> UUID | None:
    """Whose log it is. A person in several organizations, or a stranger, is in nobody's."""
    organizations = list(actor.grants)
    return organizations[0] if len(organizations) == 1 else None


def mode_of(response: Any) -> str:
    request = getattr(response, "renderer_context", {}).get("request")
    return str(getattr(getattr(request, "auth", None), "mode", "live"))


def length_of(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else 0
