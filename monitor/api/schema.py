"""How our routes describe themselves in the OpenAPI document."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from monitor.api.errors import PROBLEM_JSON
from monitor.api.idempotency import MAX_KEY_CHARS
from monitor.api.once import HEADER, OMITTED, REPLAYED, takes_key
from monitor.api.versions import CURRENT, NAMES
from monitor.lib.actors import Scope


class FieldErrorSerializer(serializers.Serializer[dict[str, Any]]):
    field = serializers.CharField()
    pointer = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    start = serializers.IntegerField(
        required=False, help_text="Of a bad `q`: where the token at fault begins, counted in characters."
    )
    end = serializers.IntegerField(
        required=False, help_text="Where it ends; this character is not part of it."
    )
    suggestion = serializers.CharField(
        required=False, allow_null=True, help_text="What may have been meant in its place."
    )


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment] # the member's name


REQUEST_ID_HEADER = {
    "X-Request-Id": {"schema": {"type": "string"}, "description": "Names this request in our log."}
}
VERSION_HEADERS = {
    "API-Version": {"schema": {"type": "string"}, "description": "The version this answer is in."},
    "Deprecation": {
        "schema": {"type": "string", "pattern": "^@[0-9]+$"},
        "description": "Of an older version: since when it is deprecated, RFC 9745.",
    },
    "Sunset": {
        "schema": {"type": "string"},
        "description": "Of an older version: when it stops being answered, RFC 8594.",
    },
}
LIST_HEADERS = {
    "Link": {
        "schema": {"type": "string"},
        "description": "The next page as rel=next, RFC 8288; none on the last.",
    },
    "X-Total-Count": {
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "description": "Rows on all pages; with count=exact.",
    },
}
API_VERSION = OpenApiParameter(
    "API-Version",
    {"type": "string", "enum": [CURRENT]},
    OpenApiParameter.HEADER,
    description=f"This document describes {CURRENT}. Older versions are known, too, until their"
    f" sunset: {', '.join(NAMES[1:])}; what differs stands at /docs/api-changelog.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Carries this out once: the same request with the same key within 24 hours is given the first"
    " answer.",
)
REPLAY_HEADERS = {
    REPLAYED: {
        "schema": {"type": "string", "const": "true"},
        "description": "This is the answer to an earlier request with the same Idempotency-Key.",
    },
    OMITTED: {
        "schema": {"type": "string"},
        "description": "Members that are shown once, and null in an answer that is given again.",
    },
}


class ProblemAutoSchema(AutoSchema):
    """Adds what every route has in common: the problems it may answer with, the ids in its path, headers."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._problem_statuses():
            bodies[status] = self._problem(status, direction)
        for status, body in bodies.items():
            paged = status == "200" and self._is_list_view()
            body["headers"] = {
                **body.get("headers", {}),
                **REQUEST_ID_HEADER,
                **(VERSION_HEADERS if self._has_versions() and status < "300" else {}),
                **(LIST_HEADERS if paged else {}),
                **(REPLAY_HEADERS if self._takes_key() else {}),
            }
        return dict(sorted(bodies.items()))

    def get_override_parameters(self) -> list[Any]:
        return [
            *([API_VERSION] if self._has_versions() else []),
            *([IDEMPOTENCY_KEY] if self._takes_key() else []),
        ]

    def _has_versions(self) -> bool:
        scopes: dict[str, Scope] = getattr(self.view, "scopes", {})
        return self.path.startswith("/v1/") and scopes.get(self.method) != Scope.INGEST

    def _takes_key(self) -> bool:
        return self.path.startswith("/v1/") and takes_key(type(self.view), self.method)

    def get_filter_backends(self) -> list[Any]:
        """Of lists, and of views that measure what a list would show."""
        if self.method != "GET" or getattr(self.view, "filterset_class", None) is None:
            return []
        return list(getattr(self.view, "filter_backends", ()))

    def _resolve_path_parameters(self, variables: Any) -> list[dict[str, Any]]:
        return [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string", "format": "uuid"}}
            for name in variables
        ]

    def _problem_statuses(self) -> list[str]:
        statuses = ["400", "401", "403", *getattr(self.view, "problems", {}).get(self.method, ())]
        if "{" in self.path:
            statuses.append("404")
        if self.method in ("POST", "PATCH"):
            statuses += ["413", "415"]
        if self._takes_key():
            statuses += ["409", "422"]
        return [*statuses, "503"]

    def _problem(self, status: str, direction: Any) -> dict[str, Any]:
        response = OpenApiResponse(ProblemSerializer, description="A problem, RFC 9457.")
        described: dict[str, Any] = self._get_response_for_code(  # type: ignore[no-untyped-call] # the library's
            response, status, [PROBLEM_JSON], direction
        )
        return described
