"""Which version an answer is in: as the header API-Version asks, else as the key is pinned, else the newest.

Ingestion doors and the protocols of others have one shape and look at none.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.http import http_date
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.errors import PROBLEM_JSON, field_error, problem
from monitor.api.versions import CURRENT, NAMES, Version, midnight, tell_in, version_named
from monitor.lib.actors import Scope

HEADER = "API-Version"


def has_versions(request: HttpRequest, view: Any) -> bool:
    """Whether this is a route of ours that is not an ingestion door."""
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if not request.path.startswith("/v1/") or not isinstance(cls, type) or not issubclass(cls, APIView):
        return False
    return bool(getattr(cls, "scopes", {}).get(request.method) != Scope.INGEST)


class VersionMiddleware:
    """Refuses versions that there are not, and tells answers as the asked one does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if HEADER not in response and match is not None and has_versions(request, match.func):
            # What was answered in front of the view, as a limit: it is the same in all versions.
            asked = request.headers.get(HEADER, "")
            response[HEADER] = asked if asked in NAMES else CURRENT
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        asked = request.headers.get(HEADER)
        # Before anything is done: an answer that its caller cannot read must not have had an effect.
        if asked is not None and asked not in NAMES and has_versions(request, view):
            return unknown_version()
        return None

    def process_template_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return told_in_version(request, response)


def told_in_version(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The answer as its version has it, between the view and the bytes, while it is still values. Whoever
    makes bytes of an answer earlier calls this first; one that is bytes already stays as it is."""
    match = request.resolver_match
    if not isinstance(response, Response) or response.is_rendered:
        return response
    if match is not None and has_versions(request, match.func):
        version = version_named(asked_of(request, pin_of(response)))
        tell_in(version, response)
        for name, value in headers_of(version, response).items():
            response[name] = value
    return response


def unknown_version() -> HttpResponse:
    message = f"There is no such version. Known are {', '.join(NAMES)}."
    body = problem(
        400, "api_version_unknown", f"{HEADER}: {message}", [field_error(HEADER, message, "invalid_choice")]
    )
    return JsonResponse(body, status=400, content_type=PROBLEM_JSON)


def asked_of(request: HttpRequest, pinned: str) -> str:
    """The version of this answer. A key's pin is passed over where that version is gone."""
    asked = request.headers.get(HEADER, "")
    if asked in NAMES:
        return asked
    return pinned if pinned in NAMES else CURRENT


def pin_of(response: Response) -> str:
    """The version that the key of the caller is pinned to; empty without."""
    by_view = getattr(response, "renderer_context", {}).get("request")
    pinned: str = getattr(getattr(by_view, "_auth", None), "api_version", "")
    return pinned


def headers_of(version: Version, response: HttpResponse) -> dict[str, str]:
    """The version; of one that is on its way out also since when, until when (RFC 9745, RFC 8594)."""
    headers = {HEADER: version.name}
    if version.deprecated_at is not None:
        words = f'<{settings.PUBLIC_URL}/docs/api-changelog>; rel="deprecation"; type="text/html"'
        headers["Deprecation"] = f"@{int(midnight(version.deprecated_at).timestamp())}"
        headers["Link"] = ", ".join(filter(None, [response.get("Link"), words]))
    if version.sunset_at is not None:
        headers["Sunset"] = http_date(midnight(version.sunset_at).timestamp())
    return headers
