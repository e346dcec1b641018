"""/v1/organizations/{id}, its export, and /v1/organization-deletions."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.paths import IdsInPath
from monitor.api.permissions import KEY_OR_SIGN_IN, require_recent
from monitor.compliance.deletion import CannotDelete, begin_deletion
from monitor.compliance.pages import archive_answer
from monitor.compliance.reach import deletions_of, reach_organization
from monitor.compliance.tasks import delete_organization
from monitor.export.api import TooBusyToExport
from monitor.export.streaming import TooManyExports
from monitor.lib.actors import Scope
from monitor.models import OrganizationDeletion


class OrganizationDeletionSerializer(serializers.ModelSerializer[Any]):
    removed = serializers.DictField(child=serializers.IntegerField(), help_text="Rows by table, so far.")
    receipt = serializers.DictField(
        allow_null=True,
        help_text="When all is gone: the `receipt`, and its Ed25519 signature over the receipt as JSON with"
        " sorted names and without blanks.",
    )

    class Meta:
        model = OrganizationDeletion
        fields = (
            "id",
            "organization_id",
            "name",
            "requested_by",
            "requested_at",
            "finished_at",
            "removed",
            "receipt",
        )
        read_only_fields = fields


class OrganizationView(IdsInPath, APIView):
    @extend_schema(
        summary="Delete an organization for good; its owners only",
        description="Nobody reaches it from now on. What hangs on it is removed in the background; the answer"
        " tells where the receipt will be.",
        responses={202: OrganizationDeletionSerializer},
    )
    def delete(self, request: Request, organization_id: UUID) -> Response:
        actor = actor_of(request)
        found = reach_organization(actor, organization_id)
        require_recent(request)
        try:
            deletion = begin_deletion(
                found, requested_by=actor.label, requested_by_id=actor.user_id, now=timezone.now()
            )
        except CannotDelete as cannot:
            raise Conflict("organization", str(cannot)) from None
        delete_organization.defer(deletion_id=str(deletion.id))
        return Response(OrganizationDeletionSerializer(deletion).data, status=202)

    problems = {"DELETE": ["409"]}


class ExportView(IdsInPath, APIView):
    scopes = {"POST": Scope.MANAGE}

    @extend_schema(
        summary="Export all that is kept of an organization; its owners only",
        description="A zip with a file of NDJSON for each noun, and a manifest with the SHA-256 of each file,"
        " signed. See docs/operations.md.",
        request=None,
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request, organization_id: UUID) -> HttpResponseBase:
        actor = actor_of(request)
        found = reach_organization(actor, organization_id)
        require_recent(request)
        try:
            return archive_answer(found, requested_by=actor.label)
        except TooManyExports:
            raise TooBusyToExport from None


class Known(BasePermission):
    """Anybody but a stranger."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if actor_of(request).is_anonymous:
            raise NotAuthenticated(KEY_OR_SIGN_IN)
        return True


class DeletionView(IdsInPath, APIView):
    """Asks for no scope: who asked for a deletion may belong nowhere since."""

    permission_classes = (Known,)

    @extend_schema(
        summary="How far a deletion that you asked for is, and its receipt",
        responses=OrganizationDeletionSerializer,
    )
    def get(self, request: Request, deletion_id: UUID) -> Response:
        deletion = deletions_of(actor_of(request)).filter(id=deletion_id).first()
        if deletion is None:
            raise Http404("No such deletion.")
        return Response(OrganizationDeletionSerializer(deletion).data)
