"""/v1/maintenances: planned work, and when its windows are."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.fields import StrictModelSerializer, TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import scope_for
from monitor.lib.actors import Actor, Scope
from monitor.models import Maintenance, Organization
from monitor.models.maintenance import MaintenanceStrategy
from monitor.models.monitors import MAX_TAGS
from monitor.monitors.maintenance import MAX_MONITORS, Timing, plan_of, save_maintenance, timing_of
from monitor.monitors.reach import NO_SUCH_ORGANIZATION, home_of, reach_maintenance, require_whole
from monitor.monitors.windows import LAST_DAYS, MAX_DURATION_MINUTES, BadPlan, check_plan

MAINTENANCE_STATES = ("paused", "open", "planned", "over")
TIME_FORMATS = ["%H:%M", "%H:%M:%S"]


class MaintenanceSerializer(StrictModelSerializer):
    """Which of the fields matter is up to `strategy`; the others are kept and not looked at."""

    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )
    strategy = serializers.ChoiceField(choices=MaintenanceStrategy.choices)
    timezone = TextField(required=False, max_length=64, help_text="As Europe/Berlin; UTC when left out.")
    start_time = serializers.TimeField(
        required=False, allow_null=True, format="%H:%M", input_formats=TIME_FORMATS
    )
    end_time = serializers.TimeField(
        required=False,
        allow_null=True,
        format="%H:%M",
        input_formats=TIME_FORMATS,
        help_text="Not after start_time: of the next day.",
    )
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        required=False,
        max_length=7,
        help_text="0 is Monday.",
    )
    month_days = serializers.ListField(
        child=serializers.IntegerField(min_value=min(LAST_DAYS), max_value=31),
        required=False,
        max_length=35,
        help_text="1 to 31, and -1 to -4 for the last days of the month.",
    )
    every_days = serializers.IntegerField(required=False, default=1, min_value=1, max_value=366)
    duration_minutes = serializers.IntegerField(
        required=False, default=60, min_value=1, max_value=MAX_DURATION_MINUTES, help_text="For cron."
    )
    tags = serializers.ListField(child=TextField(max_length=64), required=False, max_length=MAX_TAGS)
    monitor_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=MAX_MONITORS
    )
    tells_subscribers = serializers.BooleanField(
        required=False,
        default=True,
        help_text="Whether subscribers of status pages hear of it; the pages show it either way.",
    )
    state = serializers.SerializerMethodField(help_text="Where it stands now.")
    window_starts_at = serializers.SerializerMethodField(help_text="Of the open window, or the next one.")
    window_ends_at = serializers.SerializerMethodField()

    class Meta:
        model = Maintenance
        fields = (
            "id",
            "organization",
            "title",
            "description",
            "is_active",
            "strategy",
            "timezone",
            "starts_at",
            "ends_at",
            "start_time",
            "end_time",
            "weekdays",
            "month_days",
            "every_days",
            "expression",
            "duration_minutes",
            "tells_subscribers",
            "covers_all",
            "tags",
            "monitor_ids",
            "state",
            "window_starts_at",
            "window_ends_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._timings: dict[Any, Timing] = {}

    def _timing(self, maintenance: Maintenance) -> Timing:
        known: dict[Any, Timing] = self._timings
        key = (maintenance.id, maintenance.updated_at)
        if key not in known:
            known[key] = timing_of(maintenance, now=timezone.now())
        return known[key]

    @extend_schema_field(serializers.ChoiceField(choices=MAINTENANCE_STATES))
    def get_state(self, maintenance: Maintenance) -> str:
        return self._timing(maintenance).state

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_window_starts_at(self, maintenance: Maintenance) -> str | None:
        window = self._timing(maintenance).window
        # What is on by hand has always begun.
        return None if window is None or window.start.year == 1 else _moment(window.start)

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_window_ends_at(self, maintenance: Maintenance) -> str | None:
        window = self._timing(maintenance).window
        return None if window is None or window.end is None else _moment(window.end)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        instance = self.instance
        if instance is not None and attrs.pop("organization", instance.organization) != instance.organization:
            raise ValidationError({"organization": "A maintenance stays in its organization."})
        looked_at = Maintenance()
        for name in (field.attname for field in Maintenance._meta.concrete_fields):
            if instance is not None:
                setattr(looked_at, name, getattr(instance, name))
        for name, value in attrs.items():
            if name not in ("organization", "monitor_ids"):
                setattr(looked_at, name, value)
        try:
            check_plan(plan_of(looked_at))
        except BadPlan as error:
            raise ValidationError({error.field: str(error)}) from None
        return attrs


def _moment(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


def kept(actor: Actor, maintenance: Maintenance | None, given: dict[str, Any]) -> Maintenance:
    """Made or changed as a valid serializer says. Raises ValidationError and PermissionDenied."""
    require_whole(actor)
    fields = dict(given)
    monitor_ids = fields.pop("monitor_ids", None)
    organization = fields.pop("organization", None)
    if maintenance is None:
        maintenance = Maintenance(organization=home_of(actor, organization, None))
    try:
        return save_maintenance(maintenance, fields, monitor_ids)
    except BadPlan as error:
        raise ValidationError({error.field: str(error)}) from None


class MaintenanceFilter(django_filters.FilterSet):
    monitor_id = django_filters.UUIDFilter(field_name="monitors", label="Names this monitor.")

    class Meta:
        model = Maintenance
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(summary="List maintenances, newest first"),
    create=extend_schema(summary="Plan maintenance: monitors are checked on, and nobody is told"),
    retrieve=extend_schema(summary="Get a maintenance"),
    partial_update=extend_schema(summary="Change a maintenance"),
    destroy=extend_schema(summary="Remove a maintenance"),
)
class MaintenanceViewSet(IdsInPath, viewsets.ModelViewSet[Maintenance]):
    serializer_class = MaintenanceSerializer
    pagination_class = KeysetPagination
    filterset_class = MaintenanceFilter
    queryset = Maintenance.objects.none()
    problems = {"POST": ["404"]}

    def get_queryset(self) -> QuerySet[Maintenance]:
        seen = Maintenance.objects.visible_to(actor_of(self.request))
        return seen.prefetch_related("monitors").order_by("-id")

    def get_object(self) -> Maintenance:
        scope = scope_for(self, self.request.method or "GET")
        return reach_maintenance(actor_of(self.request), self.kwargs["maintenance_id"], scope)

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = kept(actor_of(self.request), None, serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = kept(actor_of(self.request), serializer.instance, serializer.validated_data)


class MaintenancePauseView(IdsInPath):
    """Pauses; a subclass lets go on."""

    is_active = False

    @extend_schema(
        summary="Pause a maintenance: an open window ends",
        request=None,
        responses=MaintenanceSerializer,
        operation_id="maintenances_pause",
    )
    def post(self, request: Request, maintenance_id: Any) -> Response:
        found = reach_maintenance(actor_of(request), maintenance_id, Scope.MANAGE)
        found.is_active = self.is_active
        found.save(update_fields=["is_active", "updated_at"])
        return Response(MaintenanceSerializer(found).data)


class MaintenanceResumeView(MaintenancePauseView):
    is_active = True

    @extend_schema(
        summary="Let a paused maintenance go on",
        request=None,
        responses=MaintenanceSerializer,
        operation_id="maintenances_resume",
    )
    def post(self, request: Request, maintenance_id: Any) -> Response:
        return super().post(request, maintenance_id)
