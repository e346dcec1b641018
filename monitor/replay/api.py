"""POST /v1/logs/{id}/replay and GET /v1/logs/{id}/replays."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.access.requests import client_address
from monitor.api.authentication import actor_of
from monitor.api.fields import TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.lib.actors import Scope
from monitor.models import Replay
from monitor.replay.prepare import Overrides, ReplayRefused, TargetNotAllowed
from monitor.replay.send import replay
from monitor.search import reach_log, read_detail


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
class HeaderOverrideField(serializers.Field[Any, Any, Any, Any]):
    """A text, several texts, or null to leave the header out."""

    def to_internal_value(self, data: Any) -> Any:
        if data is None or isinstance(data, str):
            return data
        if isinstance(data, list) and all(isinstance(line, str) for line in data):
            return data
        raise ValidationError("Must be a text, an array of texts, or null.")


class OverridesSerializer(serializers.Serializer[Any]):
    """What to send in place of the original; all optional."""

    override_url = TextField(max_length=8192, required=False, allow_null=True)
    override_headers = serializers.DictField(
        child=HeaderOverrideField(allow_null=True), required=False, allow_null=True
    )
    override_body = TextField(required=False, allow_null=True, allow_blank=True, trim_whitespace=False)

    def overrides(self) -> Overrides:
        sent = self.validated_data
        return Overrides(
            url=sent.get("override_url"),
            headers=sent.get("override_headers") or {},
            body=sent.get("override_body"),
        )


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        },
    }
)
class AnswerHeadersField(serializers.JSONField):
    """Names to values; several values of one name as an array."""


@extend_schema_field({"type": "object"})
class UsedOverridesField(serializers.JSONField):
    """What was overridden, masked as logs are."""


class ReplaySerializer(serializers.ModelSerializer[Replay]):
    """`success` means that an answer came, whatever its code."""

    overrides = UsedOverridesField()
    response_headers = AnswerHeadersField(allow_null=True)

    class Meta:
        model = Replay
        fields = (
            "id",
            "original_log_id",
            "method",
            "url",
            "overrides",
            "status_code",
            "response_body",
            "response_headers",
            "response_truncated",
            "latency_ms",
            "error",
            "status",
            "replayed_at",
            "replayed_by",
            "omitted_headers",
            "omitted_params",
        )


class TargetForbidden(APIException):
    status_code = 403
    default_code = "target_not_allowed"


class ReplayView(IdsInPath, APIView):
    scopes = {"POST": Scope.REPLAY}
    limited_as = {"POST": "replays"}

    @extend_schema(
        summary="Send a request again", request=OverridesSerializer, responses={201: ReplaySerializer}
    )
    def post(self, request: Request, log_id: UUID) -> Response:
        actor = actor_of(request)
        log = reach_log(actor, log_id, Scope.REPLAY)
        form = OverridesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            record = replay(
                read_detail(log),
                form.overrides(),
                actor_label=actor.label,
                source_ip=client_address(request._request),
                now=timezone.now(),
                key_id=actor.key_id,
            )
        except TargetNotAllowed as refused:
            raise TargetForbidden({refused.field: [str(refused)]}) from None
        except ReplayRefused as refused:
            raise ValidationError({refused.field: str(refused)}) from None
        return Response(ReplaySerializer(record).data, status=201)


class ReplayListView(IdsInPath, GenericAPIView[Replay]):
    serializer_class = ReplaySerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = Replay.objects.none()

    @extend_schema(
        summary="List the replays of a log, newest first; they outlive the log",
        responses=ReplaySerializer(many=True),
    )
    def get(self, request: Request, log_id: UUID) -> Response:
        replays = Replay.objects.visible_to(actor_of(request)).filter(original_log_id=log_id)
        if not replays.exists():
            reach_log(actor_of(request), log_id, Scope.READ)
        page = self.paginate_queryset(replays.order_by("-id"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
