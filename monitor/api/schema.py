"""How our routes describe themselves in the OpenAPI document."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from monitor.api.errors import PROBLEM_JSON
from monitor.api.permissions import SAFE_METHODS


class FieldErrorSerializer(serializers.Serializer[dict[str, str]]):
    field = serializers.CharField()
    pointer = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment] # the member's name


class ProblemAutoSchema(AutoSchema):
    """Adds the problems that every route may answer with, as application/problem+json."""

    def get_response_serializers(self) -> Any:
        described = super().get_response_serializers()
        by_status = described if isinstance(described, dict) else {self._success_status(): described}
        return {**{status: self._problem(status) for status in self._problem_statuses()}, **by_status}

    def _success_status(self) -> str:
        if self.method == "DELETE":
            return "204"
        return "201" if self.method == "POST" else "200"

    def _problem_statuses(self) -> list[str]:
        statuses = ["400", "401", "403"]
        if "{" in self.path:
            statuses.append("404")
        if self.method not in SAFE_METHODS:
            statuses += ["413", "415"]
        return [*statuses, "503"]

    def _problem(self, status: str) -> OpenApiResponse:
        return OpenApiResponse(ProblemSerializer, description="A problem, RFC 9457.")

    def _get_response_for_code(self, serializer: Any, status_code: str, *args: Any, **kwargs: Any) -> Any:
        if int(status_code) >= 400:
            kwargs["media_types"] = [PROBLEM_JSON]
            args = ()
        described = super()._get_response_for_code(serializer, status_code, *args, **kwargs)  # type: ignore[no-untyped-call] # the library's
        return described
