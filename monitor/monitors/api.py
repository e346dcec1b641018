"""/v1/monitors: what is checked, how it stands, and what is done to it."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.fields import TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import scope_for
from monitor.lib.actors import Scope
from monitor.models import Monitor
from monitor.monitors.filters import MonitorFilter
from monitor.monitors.reach import (
    home_of,
    parent_for,
    proxy_for,
    reach_monitor,
    service_for,
    service_within,
)
from monitor.monitors.register import (
    change_monitor,
    clone_monitor,
    make_monitor,
    remove_monitor,
    set_active,
)
from monitor.monitors.serializers import MonitorSerializer, as_invalid
from monitor.probing import BadConfig


@extend_schema_view(
    list=extend_schema(summary="List monitors with how each stands"),
    create=extend_schema(summary="Make a monitor"),
    retrieve=extend_schema(summary="Get a monitor"),
    partial_update=extend_schema(summary="Change a monitor"),
    destroy=extend_schema(summary="Remove a monitor with its history"),
)
class MonitorViewSet(IdsInPath, viewsets.ModelViewSet[Monitor]):
    serializer_class = MonitorSerializer
    pagination_class = KeysetPagination
    filterset_class = MonitorFilter
    problems = {"POST": ["404"]}
    queryset = Monitor.objects.none()

    def get_queryset(self) -> QuerySet[Monitor]:
        monitors = Monitor.objects.visible_to(actor_of(self.request)).select_related("standing")
        return monitors.prefetch_related("depends_on").order_by("-id")

    def get_object(self) -> Monitor:
        scope = scope_for(self, self.request.method or "GET")
        return reach_monitor(actor_of(self.request), self.kwargs["monitor_id"], scope)

    def perform_create(self, serializer: Any) -> None:
        actor, fields = actor_of(self.request), dict(serializer.validated_data)
        config, needed = fields.pop("config"), fields.pop("depends_on_ids", [])
        service = service_for(actor, fields.pop("service_id", None))
        organization = home_of(actor, fields.pop("organization", None), service)
        parent = parent_for(fields.pop("parent_id", None), organization.id)
        proxy = proxy_for(fields.pop("proxy_id", None), organization.id)
        monitor = Monitor(organization=organization, service=service, parent=parent, proxy=proxy, **fields)
        try:
            serializer.instance = make_monitor(monitor, config, now=timezone.now(), depends_on_ids=needed)
        except BadConfig as error:
            raise as_invalid(error) from None

    def perform_update(self, serializer: Any) -> None:
        actor, monitor, fields = actor_of(self.request), serializer.instance, dict(serializer.validated_data)
        config = fields.pop("config", None)
        if "service_id" in fields:
            fields["service"] = service_within(actor, fields.pop("service_id"), monitor)
        if "proxy_id" in fields:
            fields["proxy"] = proxy_for(fields.pop("proxy_id"), monitor.organization_id)
        if "parent_id" in fields:
            fields["parent"] = parent_for(fields.pop("parent_id"), monitor.organization_id, child=monitor)
        try:
            serializer.instance = change_monitor(monitor, fields, config, now=timezone.now())
        except BadConfig as error:
            raise as_invalid(error) from None

    def perform_destroy(self, instance: Monitor) -> None:
        remove_monitor(instance, now=timezone.now())


class PauseView(IdsInPath):
    """Pauses; a subclass lets go on."""

    is_active = False

    @extend_schema(
        summary="Pause a monitor", request=None, responses=MonitorSerializer, operation_id="monitors_pause"
    )
    def post(self, request: Request, monitor_id: Any) -> Response:
        monitor = reach_monitor(actor_of(request), monitor_id, Scope.MANAGE)
        set_active([monitor], is_active=self.is_active, now=timezone.now())
        return Response(MonitorSerializer(reach_monitor(actor_of(request), monitor_id, Scope.MANAGE)).data)


class ResumeView(PauseView):
    is_active = True

    @extend_schema(
        summary="Let a paused monitor go on",
        request=None,
        responses=MonitorSerializer,
        operation_id="monitors_resume",
    )
    def post(self, request: Request, monitor_id: Any) -> Response:
        return super().post(request, monitor_id)


class CloneSerializer(serializers.Serializer[Any]):
    name = TextField(max_length=128, required=False, help_text="Left out: the same name with (copy).")


class CloneView(IdsInPath):
    @extend_schema(
        summary="Copy a monitor: paused, with the same options and secrets",
        request=CloneSerializer,
        responses={201: MonitorSerializer},
        operation_id="monitors_clone",
    )
    def post(self, request: Request, monitor_id: Any) -> Response:
        form = CloneSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        monitor = reach_monitor(actor_of(request), monitor_id, Scope.MANAGE)
        name = form.validated_data.get("name") or f"{monitor.name[:120]} (copy)"
        return Response(
            MonitorSerializer(clone_monitor(monitor, name=name, now=timezone.now())).data, status=201
        )
