"""The page on which an endpoint is renamed, merged and split. Previews are plain links of it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.api.paths import uuid_or_none
from monitor.endpoints.one import moves_of, reach_endpoint, sources_of
from monitor.endpoints.reshape import CannotReshape, merge, preview_merge, preview_split, rename, split
from monitor.lib.actors import Scope
from monitor.lib.path_rules import MAX_PATTERN_CHARS
from monitor.models import Endpoint
from monitor.models.services import OTHER

# More do not fit a choice; the API takes any.
MAX_CHOICES = 500


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """A GET with `from` or `pattern` shows what that would move; a POST does what `action` says."""
    found = reach_endpoint(page_actor(request), endpoint_id, Scope.MANAGE)
    if found.merged_into_id is not None:
        return redirect("pages:endpoint-change", found.merged_into_id)
    if request.method != "POST":
        return change_page(request, found, request.GET, **previewed(found, request.GET))
    try:
        words, goes_to = changed(found, request.POST, by=page_actor(request).label)
    except CannotReshape as wrong:
        return change_page(request, found, request.POST, status=400, wrong=str(wrong))
    messages.success(request, words)
    return redirect("pages:endpoint", goes_to)


def changed(found: Endpoint, asked: QueryDict, *, by: str) -> tuple[str, UUID]:
    """What was done, in words, and the endpoint to show. Raises CannotReshape."""
    now, action = timezone.now(), asked.get("action")
    if action == "rename":
        renamed = rename(found, asked.get("route", ""), now=now)
        return f"The endpoint is called {renamed.route} now.", found.id
    if action == "merge":
        merge(found, asked_sources(found, asked), by=by, now=now)
        return "Merged. Its history follows within the next minutes.", found.id
    if action == "split":
        pattern, method = asked_paths(found, asked)
        move = split(found, pattern=pattern, method=method, route=asked.get("route", ""), by=by, now=now)
        return "Split off. Its history follows within the next minutes.", move.target_id
    raise CannotReshape("action", "Nothing was asked for.")


def previewed(found: Endpoint, asked: QueryDict) -> dict[str, Any]:
    """What the address asks to see before it is done."""
    try:
        if asked.get("from"):
            sources = asked_sources(found, asked)
            return {"preview": preview_merge(found, sources), "sources": sources}
        if asked.get("pattern"):
            pattern, method = asked_paths(found, asked)
            preview = preview_split(found, pattern=pattern, method=method, now=timezone.now())
            return {"preview": preview, "pattern": pattern, "method": method}
    except CannotReshape as wrong:
        return {"wrong": str(wrong)}
    return {}


def asked_sources(found: Endpoint, asked: QueryDict) -> list[Endpoint]:
    return sources_of(found, [id_ for word in asked.getlist("from") if (id_ := uuid_or_none(word))])


def asked_paths(found: Endpoint, asked: QueryDict) -> tuple[str, str]:
    pattern = asked.get("pattern", "").strip()[: MAX_PATTERN_CHARS + 1]
    return pattern, asked.get("method", "").strip().upper()[:16] or found.method


def change_page(
    request: HttpRequest, found: Endpoint, asked: QueryDict, *, status: int = 200, **more: Any
) -> HttpResponse:
    siblings = Endpoint.objects.standing().filter(service=found.service_id, method=found.method)
    context = {
        "section": "endpoints",
        "endpoint": found,
        "is_other": found.route == OTHER,
        "other_names": found.other_names.order_by("route"),
        "siblings": siblings.exclude(id=found.id).exclude(route=OTHER).order_by("route")[:MAX_CHOICES],
        "chosen": set(asked.getlist("from")),
        "asked": asked,
        "moves": moves_of(found),
        "rules": found.service.path_rules,
        **more,
    }
    return render(request, "endpoints/change.html", context, status=status)
