"""GET /v1/audit-log, and the same as a file."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.paging import KeysetPagination
from monitor.audit.listing import FORMATS, AuditFilter, walk
from monitor.audit.record import record_in_each
from monitor.lib.actors import Actor, Scope
from monitor.models import AuditEntry
from monitor.models.audit import ActorKind, Face

OTHER_SERVICE = "The audit log belongs to the organization: a key of one service cannot see it."


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2, "items": {}},
        "description": "Field to [before, after]; a mask stands for secrets.",
    }
)
class ChangesField(serializers.JSONField):
    """What was changed."""


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """Who did what, on what, from where."""

    actor_kind = serializers.ChoiceField(choices=ActorKind.choices)
    face = serializers.ChoiceField(choices=Face.choices, help_text="Where it was done.")
    action = serializers.CharField(help_text="As `service.updated`, `auth.login`, `logs.exported`.")
    changes = ChangesField()

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "happened_at",
            "organization_id",
            "actor_kind",
            "actor_id",
            "actor_label",
            "face",
            "action",
            "target_type",
            "target_id",
            "target_label",
            "changes",
            "note",
            "ip",
            "user_agent",
            "request_id",
            "method",
            "route",
        )


class AuditLogView(GenericAPIView[AuditEntry]):
    """Read by those who manage: it tells what others do."""

    scopes = {"GET": Scope.MANAGE}
    serializer_class = AuditEntrySerializer
    pagination_class = KeysetPagination
    filterset_class = AuditFilter
    queryset = AuditEntry.objects.none()

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.visible_to(check(actor_of(self.request))).order_by("-id")

    @extend_schema(
        summary="List what was done, newest first",
        description="Every change, every secret shown, replays, exports, signing in and out; by the API, the"
        " pages and the admin alike. `action=service.*` finds all that begins so. Kept for 400 days.",
        responses=AuditEntrySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(AuditEntrySerializer(page, many=True).data)


class AuditExportView(AuditLogView):
    pagination_class = None  # type: ignore[assignment] # a file has no pages

    @extend_schema(
        operation_id="v1_audit_log_export",
        summary="Export the audit log as NDJSON or CSV",
        description="The filters of the list; every match, newest first.",
        parameters=[
            OpenApiParameter("format", OpenApiTypes.STR, enum=list(FORMATS), default="ndjson"),
        ],
        responses={
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> HttpResponseBase:  # type: ignore[override] # a file, not a list
        found = self.filter_queryset(self.get_queryset())
        return file_of(found, actor_of(request), format_of(request.query_params.get("format")))


def check(actor: Actor) -> Actor:
    """The actor, unless it is a key of one service. Raises PermissionDenied."""
    if actor.service_id is not None:
        raise PermissionDenied(OTHER_SERVICE, code="other_service")
    return actor


def format_of(name: str | None) -> str:
    if name and name not in FORMATS:
        raise ValidationError({"format": f"Must be one of {', '.join(FORMATS)}."})
    return name or "ndjson"


def file_of(found: QuerySet[AuditEntry], actor: Actor, form: str) -> HttpResponseBase:
    """The rows as a file; that they were taken along is a row of its own."""
    record_in_each(
        "audit_log.exported", actor.organizations(Scope.MANAGE), target_type="audit_log", note=f"as {form}"
    )
    content_type, write = FORMATS[form]
    response = StreamingHttpResponse(cast(Any, write(walk(found))), content_type=content_type)
    name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
