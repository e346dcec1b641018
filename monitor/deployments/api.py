"""/v1/deployments."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.fields import TextField
from monitor.api.paging import KeysetPagination
from monitor.api.permissions import check_service, require
from monitor.deployments.report import report_deployment
from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import uuid7_floor
from monitor.models import Deployment, Service
from monitor.search.filters import MomentFilter

# As far as a log may be ahead.
MAX_CLOCK_LEAD = timedelta(minutes=5)
# What an id can carry and a chart can show; numbers are kept for 400 days.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    service_id = serializers.UUIDField()
    at = serializers.DateTimeField(source="deployed_at")

    class Meta:
        model = Deployment
        fields = ("id", "service_id", "version", "environment", "at", "reported_by", "reported_at")


class NewDeploymentSerializer(serializers.Serializer[Any]):
    """A version that went live."""

    service = TextField(
        max_length=128, required=False, help_text="Its id or its name. Left out: the key's own service."
    )
    version = TextField(max_length=128)
    environment = TextField(max_length=64, required=False, allow_blank=True, default="")
    at = serializers.DateTimeField(required=False, help_text="RFC 3339. Left out: now.")

    def validate_at(self, at: datetime) -> datetime:
        if at > timezone.now() + MAX_CLOCK_LEAD:
            raise ValidationError("The moment is more than 5 minutes in the future.")
        if at < EARLIEST:
            raise ValidationError("The moment is out of range.")
        return at


class DeploymentFilter(django_filters.FilterSet):
    service_id = django_filters.UUIDFilter()
    environment = django_filters.CharFilter(max_length=64)
    since = MomentFilter(method="from_then")
    until = MomentFilter(method="before_then")

    class Meta:
        model = Deployment
        fields: list[str] = []

    def from_then(self, found: QuerySet[Deployment], name: str, moment: datetime) -> QuerySet[Deployment]:
        """By ids, so in whole milliseconds: the moment that was reported is one to ask from."""
        return found.filter(id__gte=floor_of(moment))

    def before_then(self, found: QuerySet[Deployment], name: str, moment: datetime) -> QuerySet[Deployment]:
        return found.filter(id__lt=floor_of(moment))


def floor_of(moment: datetime) -> UUID:
    return uuid7_floor(max(moment, EARLIEST))


class MayReport(BasePermission):
    """Reading needs `read`. What reports logs may report deployments, and so may who manages the service."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = actor_of(request)
        if request.method == "POST":
            require_report(actor)
        else:
            require(actor, Scope.READ)
        return True


def require_report(actor: Actor, organization_id: UUID | None = None) -> None:
    if not actor.may(Scope.MANAGE, organization_id):
        require(actor, Scope.INGEST, organization_id)


def service_named(actor: Actor, named: str | None) -> Service:
    """The service that is meant, when the actor may report for it. Raises ValidationError, Http404 and
    PermissionDenied."""
    if named is None:
        if actor.service_id is None:
            raise ValidationError({"service": "Name the service: this key belongs to none."})
        named = str(actor.service_id)
    reachable = Service.objects.alive().filter(organization__in=list(actor.grants))
    try:
        service = reachable.filter(id=UUID(named)).first()
    except ValueError:
        found = list(reachable.filter(name=named)[:2])
        if len(found) > 1:
            raise ValidationError({"service": "Several services have this name: give the id."}) from None
        service = found[0] if found else None
    if service is None:
        raise Http404("No such service.")
    if actor.service_id not in (None, service.id):
        check_service(actor, service, Scope.INGEST)
    require_report(actor, service.organization_id)
    return service


class DeploymentViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Deployment]):
    serializer_class = DeploymentSerializer
    pagination_class = KeysetPagination
    filterset_class = DeploymentFilter
    permission_classes = (MayReport,)
    problems = {"POST": ["404"]}
    queryset = Deployment.objects.none()

    def get_queryset(self) -> QuerySet[Deployment]:
        return Deployment.objects.visible_to(actor_of(self.request)).order_by("-id")

    @extend_schema(summary="List deployments, newest first")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(
        summary="Report a deployment",
        description="Said again with the same service, version, environment and moment, it is kept once: 200"
        " in place of 201. A key needs the scope `ingest` or `manage`.",
        request=NewDeploymentSerializer,
        responses={201: DeploymentSerializer, 200: DeploymentSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = NewDeploymentSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        actor, now = actor_of(request), timezone.now()
        deployment, is_news = report_deployment(
            service_named(actor, fields.get("service")),
            version=fields["version"],
            environment=fields["environment"],
            at=fields.get("at", now),
            reported_by=actor.label,
            now=now,
        )
        return Response(DeploymentSerializer(deployment).data, status=201 if is_news else 200)
