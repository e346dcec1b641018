"""/v1/organizations."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.fields import StrictModelSerializer
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import Organization, Plan
from monitor.organizations.change import RetentionTooShort, change_organization
from monitor.organizations.operators import require_operator
from monitor.services.api import RetentionField

OTHER_SERVICE = "A key of one service has no say in its organization."


class OrganizationSerializer(StrictModelSerializer):
    plan = serializers.SlugRelatedField(
        slug_field="name",
        queryset=Plan.objects.all(),
        required=False,
        allow_null=True,
        help_text="Which limits hold. null: those of the installation. Set by its operators alone.",
    )
    retention_days = RetentionField(
        help_text="Days that logs are kept, of services that say nothing else. null: as installed."
    )
    error_retention_days = RetentionField(
        help_text="Days that requests which failed are kept, of such services. null: as long as the others."
    )

    class Meta:
        model = Organization
        fields = ("id", "name", "plan", "retention_days", "error_retention_days", "created_at")
        read_only_fields = ("id", "name", "created_at")


class OrganizationsView(GenericAPIView[Organization]):
    serializer_class = OrganizationSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = Organization.objects.none()

    def get_queryset(self) -> QuerySet[Organization]:
        return Organization.objects.visible_to(actor_of(self.request)).select_related("plan").order_by("-id")

    @extend_schema(summary="List your organizations", responses=OrganizationSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def reach_organization(actor: Actor, organization_id: UUID, scope: Scope) -> Organization:
    """404 beyond the actor's organizations; 403 without the scope, and for a key of one service."""
    if organization_id not in actor.grants:
        raise Http404("No such organization.")
    if actor.service_id is not None and scope != Scope.READ:
        raise PermissionDenied(OTHER_SERVICE, code="other_service")
    require(actor, scope, organization_id)
    return Organization.objects.select_related("plan").get(id=organization_id)


class OrganizationView(IdsInPath, APIView):
    @extend_schema(summary="Get an organization", responses=OrganizationSerializer)
    def get(self, request: Request, organization_id: UUID) -> Response:
        organization = reach_organization(actor_of(request), organization_id, Scope.READ)
        return Response(OrganizationSerializer(organization).data)

    @extend_schema(
        summary="Change how long an organization's logs are kept",
        description="Services that say something else keep to that. When you shorten it, older logs go for"
        " good within the hour.",
        request=OrganizationSerializer(partial=True),
        responses=OrganizationSerializer,
    )
    def patch(self, request: Request, organization_id: UUID) -> Response:
        organization = reach_organization(actor_of(request), organization_id, Scope.MANAGE)
        form = OrganizationSerializer(organization, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        fields: dict[str, Any] = form.validated_data
        if "plan" in fields:
            require_operator(actor_of(request), "change_organization")
        try:
            change_organization(organization, **fields)
        except RetentionTooShort as error:
            raise ValidationError({"error_retention_days": str(error)}) from None
        return Response(OrganizationSerializer(organization).data)
