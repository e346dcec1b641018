"""/v1/monitors/{id}/...: every check, what people were told, and the uptime."""

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.lib import payload
from monitor.lib.actors import Scope
from monitor.lib.ids import moment_of
from monitor.models import Beat, MonitorEvent
from monitor.models.monitors import (
    BeatState,
)
from monitor.monitors.filters import HeartbeatFilter
from monitor.monitors.reach import reach_monitor
from monitor.monitors.stats import WINDOWS, percentiles_of, stats_of
from monitor.monitors.words import PHASES


class BeatSerializer(serializers.ModelSerializer[Beat]):
    monitor_id = serializers.UUIDField()
    state = serializers.SerializerMethodField()
    phases_ms = serializers.SerializerMethodField(help_text="resolve, connect, tls, wait, transfer")
    checked_at = serializers.SerializerMethodField()

    class Meta:
        model = Beat
        fields = (
            "id",
            "monitor_id",
            "checked_at",
            "state",
            "is_important",
            "is_degraded",
            "retries",
            "region",
            "response_ms",
            "phases_ms",
            "message",
        )

    @extend_schema_field(serializers.ChoiceField(choices=("down", "up", "pending", "maintenance", "no_data")))
    def get_state(self, beat: Beat) -> str:
        return BeatState(beat.state).name.lower()

    @extend_schema_field(serializers.DictField(child=serializers.FloatField(allow_null=True)))
    def get_phases_ms(self, beat: Beat) -> dict[str, float | None]:
        return dict(zip(PHASES, beat.phases_ms or [], strict=False))

    @extend_schema_field(serializers.DateTimeField())
    def get_checked_at(self, beat: Beat) -> str:
        return moment_of(beat.id).isoformat().replace("+00:00", "Z")


class BeatDetailSerializer(BeatSerializer):
    """A check with what was kept of it: redirects, assertions, certificate, the answer that failed."""

    detail = serializers.SerializerMethodField()

    class Meta(BeatSerializer.Meta):
        fields = (*BeatSerializer.Meta.fields, "detail")  # type: ignore[assignment] # one more

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_detail(self, beat: Beat) -> dict[str, Any]:
        return payload.unpack(beat.detail) if beat.detail else {}


class MonitorEventSerializer(serializers.ModelSerializer[MonitorEvent]):
    state = serializers.SerializerMethodField()

    class Meta:
        model = MonitorEvent
        fields = ("id", "notice", "state", "message", "outage_s", "beat_id", "happened_at")

    @extend_schema_field(serializers.ChoiceField(choices=("down", "up", "pending")))
    def get_state(self, event: MonitorEvent) -> str:
        return BeatState(event.state).name.lower()


class OfMonitor(IdsInPath, GenericAPIView):
    """A list that hangs on one monitor: the rows of `queryset` that are its own, newest first."""

    pagination_class = KeysetPagination

    def get_queryset(self) -> QuerySet[Any]:
        monitor = reach_monitor(actor_of(self.request), self.kwargs["monitor_id"], Scope.READ)
        return super().get_queryset().filter(monitor=monitor.id).order_by("-id")

    def answer(self) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class HeartbeatsView(OfMonitor):
    serializer_class = BeatSerializer
    filterset_class = HeartbeatFilter
    queryset = Beat.objects.defer("detail")

    @extend_schema(
        summary="A monitor's checks, newest first",
        responses=BeatSerializer(many=True),
        operation_id="monitors_heartbeats",
    )
    def get(self, request: Request, monitor_id: Any) -> Response:
        return self.answer()


class HeartbeatView(IdsInPath):
    @extend_schema(
        summary="One check with all that was kept of it",
        responses=BeatDetailSerializer,
        operation_id="monitors_heartbeat",
    )
    def get(self, request: Request, monitor_id: Any, beat_id: Any) -> Response:
        monitor = reach_monitor(actor_of(request), monitor_id, Scope.READ)
        beat = get_object_or_404(Beat, id=beat_id, monitor_id=monitor.id)
        return Response(BeatDetailSerializer(beat).data)


class MonitorEventsView(OfMonitor):
    serializer_class = MonitorEventSerializer
    queryset = MonitorEvent.objects.all()

    @extend_schema(
        summary="What people were told of a monitor, newest first",
        responses=MonitorEventSerializer(many=True),
        operation_id="monitors_events",
    )
    def get(self, request: Request, monitor_id: Any) -> Response:
        return self.answer()


class StatsSerializer(serializers.Serializer[Any]):
    window = serializers.ChoiceField(choices=list(WINDOWS))
    since = serializers.DateTimeField()
    uptime = serializers.FloatField(allow_null=True, help_text="up / (up + down) by time, from 0 to 1.")
    up_s = serializers.FloatField()
    down_s = serializers.FloatField()
    maintenance_s = serializers.FloatField()
    no_data_s = serializers.FloatField()
    checks = serializers.IntegerField()
    failures = serializers.IntegerField()
    average_ms = serializers.FloatField(allow_null=True)
    percentiles_ms = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        help_text="Of single checks for a week at most, else of the days' histograms, at most 0.54 % off.",
    )


class StatsView(IdsInPath):
    @extend_schema(
        summary="Uptime and response times of a monitor",
        parameters=[OpenApiParameter("window", OpenApiTypes.STR, enum=list(WINDOWS))],
        responses=StatsSerializer(many=True),
        operation_id="monitors_stats",
    )
    def get(self, request: Request, monitor_id: Any) -> Response:
        monitor = reach_monitor(actor_of(request), monitor_id, Scope.READ)
        asked = request.query_params.get("window")
        if asked is not None and asked not in WINDOWS:
            raise ValidationError({"window": f"Must be one of {', '.join(WINDOWS)}."})
        now = timezone.now()
        found = [
            asdict(stats_of(monitor, window, now=now))
            | {"percentiles_ms": percentiles_of(monitor, window, now=now)}
            for window in ([asked] if asked else WINDOWS)
        ]
        return Response(StatsSerializer(found, many=True).data)
