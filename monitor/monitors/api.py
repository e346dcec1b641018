"""/v1/monitors: what is checked, how it stands, and every check."""

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import django_filters
from django.conf import settings
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.errors import ServerBusy
from monitor.api.fields import StrictModelSerializer, TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require, scope_for
from monitor.lib import payload
from monitor.lib.actors import Scope
from monitor.lib.ids import moment_of, uuid7_floor
from monitor.models import Beat, Monitor, MonitorEvent, MonitorProxy, Organization
from monitor.models.monitors import (
    MAX_INTERVAL_S,
    MAX_RETRIES,
    MAX_TAG_CHARACTERS,
    MAX_TAGS,
    MAX_TIMEOUT_S,
    MIN_INTERVAL_S,
    BeatState,
)
from monitor.monitors.config import filled, takes_proxy, way_of
from monitor.monitors.prober import outbound_policy
from monitor.monitors.reach import NO_SUCH_ORGANIZATION, home_of, reach_monitor, reach_owned, service_for
from monitor.monitors.register import (
    change_monitor,
    clone_monitor,
    make_monitor,
    remove_monitor,
    set_active,
)
from monitor.monitors.stats import WINDOWS, stats_of
from monitor.monitors.words import PHASES, state_in_sql, state_of
from monitor.probing import BadConfig, Finding, all_kinds, kind_named
from monitor.probing.finding import Way
from monitor.probing.look import look
from monitor.search.filters import MomentFilter

# What an id can carry.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MAX_DEPENDENCIES = 50
STATES = ("up", "slow", "down", "pending", "maintenance", "no_data", "new", "paused")


@extend_schema_field(OpenApiTypes.OBJECT)
class ConfigField(serializers.DictField):
    """The kind's options. Secrets are shown masked; a masked value that is sent back keeps its secret."""


KINDS = [(kind.name, kind.words) for kind in all_kinds()]


class MonitorSerializer(StrictModelSerializer):
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the service's, the key's organization, your only one, or Default.",
    )
    service_id = serializers.UUIDField(required=False, allow_null=True, help_text="The service it watches.")
    parent_id = serializers.UUIDField(required=False, allow_null=True, help_text="The group it is part of.")
    proxy_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The proxy that its checks go through."
    )
    kind = serializers.ChoiceField(choices=KINDS)
    config = ConfigField(required=False)
    interval_s = serializers.IntegerField(
        required=False, default=60, min_value=MIN_INTERVAL_S, max_value=MAX_INTERVAL_S
    )
    timeout_s = serializers.IntegerField(required=False, default=20, min_value=1, max_value=MAX_TIMEOUT_S)
    max_retries = serializers.IntegerField(required=False, default=0, min_value=0, max_value=MAX_RETRIES)
    retry_interval_s = serializers.IntegerField(
        required=False, default=20, min_value=MIN_INTERVAL_S, max_value=MAX_INTERVAL_S
    )
    recovery_successes = serializers.IntegerField(required=False, default=1, min_value=1, max_value=100)
    degraded_ms = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=120_000, help_text="Slower is degraded."
    )
    reminder_minutes = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=10_080, help_text="0 sends no reminders."
    )
    most_reminders = serializers.IntegerField(required=False, default=3, min_value=0, max_value=1000)
    regions = serializers.ListField(
        child=serializers.RegexField(r"^[a-z0-9][a-z0-9\-_]{0,31}$"),
        required=False,
        max_length=20,
        help_text="Where to check from: each has a prober of that name. Empty: anywhere.",
    )
    down_regions = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=20, help_text="Down when this many regions say so."
    )
    tags = serializers.ListField(
        child=TextField(max_length=MAX_TAG_CHARACTERS), required=False, max_length=MAX_TAGS
    )
    depends_on_ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MAX_DEPENDENCIES,
        help_text="While one of these is down, nobody is told that this one is.",
    )
    state = serializers.SerializerMethodField(help_text="How it stands now.")
    since = serializers.DateTimeField(source="standing.since", read_only=True, allow_null=True)
    message = serializers.CharField(source="standing.message", read_only=True)
    response_ms = serializers.FloatField(source="standing.response_ms", read_only=True, allow_null=True)
    last_beat_at = serializers.DateTimeField(source="standing.last_beat_at", read_only=True, allow_null=True)
    certificate_until = serializers.DateTimeField(
        source="standing.certificate_until", read_only=True, allow_null=True
    )
    domain_until = serializers.DateTimeField(
        source="standing.domain_until", read_only=True, allow_null=True, help_text="When watches_domain."
    )
    is_flapping = serializers.BooleanField(source="standing.is_flapping", read_only=True)

    class Meta:
        model = Monitor
        fields = (
            "id",
            "organization",
            "service_id",
            "parent_id",
            "proxy_id",
            "name",
            "description",
            "kind",
            "config",
            "is_active",
            "interval_s",
            "timeout_s",
            "max_retries",
            "retry_interval_s",
            "recovery_successes",
            "degraded_ms",
            "reminder_minutes",
            "most_reminders",
            "regions",
            "down_regions",
            "tags",
            "depends_on_ids",
            "watches_domain",
            "state",
            "since",
            "message",
            "response_ms",
            "last_beat_at",
            "certificate_until",
            "domain_until",
            "is_flapping",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, monitor: Monitor) -> str:
        return state_of(monitor, now=timezone.now())

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            if attrs.pop("organization", self.instance.organization) != self.instance.organization:
                raise ValidationError({"organization": "A monitor stays in its organization."})
            if attrs.pop("kind", self.instance.kind) != self.instance.kind:
                raise ValidationError({"kind": "A monitor stays of its kind: make another one."})
        self.check_config(attrs)
        return attrs

    def check_config(self, attrs: dict[str, Any]) -> None:
        """What the kind says of its options, at its field."""
        kind = kind_named(attrs["kind"] if self.instance is None else self.instance.kind)
        if self.instance is None:
            attrs.setdefault("config", {})
        if "config" not in attrs:
            return
        try:
            filled(attrs["config"], kind=kind, monitor=self.instance)
        except BadConfig as error:
            raise as_invalid(error) from None


def as_invalid(error: BadConfig) -> ValidationError:
    if error.field in ("timeout_s", "kind", "depends_on_ids", "proxy_id"):
        return ValidationError({error.field: error.message})
    return ValidationError({"config": {error.field: error.message} if error.field else error.message})


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


@extend_schema_field({"type": "string", "enum": ["true", "false"]})
class ActiveFilter(django_filters.ChoiceFilter):
    """`true` or `false`, and nothing else."""


class MonitorFilter(django_filters.FilterSet):
    service_id = django_filters.UUIDFilter()
    parent_id = django_filters.UUIDFilter()
    kind = django_filters.ChoiceFilter(choices=KINDS)
    is_active = ActiveFilter(choices=[("true", "true"), ("false", "false")], method="being_active")
    tag = django_filters.CharFilter(method="with_tag", max_length=64)
    state = django_filters.ChoiceFilter(choices=[(each, each) for each in STATES], method="in_state")
    q = django_filters.CharFilter(method="named", max_length=128, label="Part of the name.")

    class Meta:
        model = Monitor
        fields: list[str] = []

    def being_active(self, found: QuerySet[Monitor], name: str, word: str) -> QuerySet[Monitor]:
        return found.filter(is_active=word == "true")

    def with_tag(self, found: QuerySet[Monitor], name: str, tag: str) -> QuerySet[Monitor]:
        return found.filter(tags__contains=[tag])

    def named(self, found: QuerySet[Monitor], name: str, words: str) -> QuerySet[Monitor]:
        return found.filter(Q(name__icontains=words) | Q(description__icontains=words))

    def in_state(self, found: QuerySet[Monitor], name: str, state: str) -> QuerySet[Monitor]:
        return found.alias(shown_state=state_in_sql(now=timezone.now())).filter(shown_state=state)


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
        remove_monitor(instance)


def service_within(actor: Any, service_id: Any, monitor: Monitor) -> Any:
    """The service of the monitor's own organization. A key of a service cannot give its monitor away."""
    if actor.service_id is not None and service_id != actor.service_id:
        raise ValidationError({"service_id": "A key of one service keeps its monitors."})
    service = service_for(actor, service_id)
    if service is not None and service.organization_id != monitor.organization_id:
        raise ValidationError({"service_id": "The service is of another organization."})
    return service


def parent_for(parent_id: Any, organization_id: Any, *, child: Monitor | None = None) -> Monitor | None:
    if parent_id is None:
        return None
    parent = Monitor.objects.filter(id=parent_id, organization=organization_id).first()
    if parent is None or parent.kind != "group":
        raise ValidationError({"parent_id": "Must be a group of the same organization."})
    above: Monitor | None = parent
    while above is not None:
        if child is not None and above.id == child.id:
            raise ValidationError({"parent_id": "A group cannot be part of itself."})
        above = above.parent
    return parent


def proxy_for(proxy_id: Any, organization_id: Any) -> MonitorProxy | None:
    """Raises ValidationError."""
    if proxy_id is None:
        return None
    proxy = MonitorProxy.objects.filter(id=proxy_id, organization=organization_id).first()
    if proxy is None:
        raise ValidationError({"proxy_id": "Must be a proxy of the same organization."})
    return proxy


def reach_proxy(actor: Any, proxy_id: Any) -> MonitorProxy | None:
    if proxy_id is None:
        return None
    return reach_owned(MonitorProxy.objects.all(), actor, proxy_id, Scope.READ)


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


class TestSerializer(serializers.Serializer[Any]):
    """A monitor as it would be saved."""

    __test__ = False  # pytest takes classes of this name for tests

    kind = serializers.ChoiceField(choices=KINDS)
    config = ConfigField()
    timeout_s = serializers.IntegerField(default=20, min_value=1, max_value=60)
    monitor_id = serializers.UUIDField(
        required=False, help_text="The monitor that masked secrets are taken from."
    )
    proxy_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The proxy to go through; left out: the monitor's."
    )


class FindingSerializer(serializers.Serializer[Any]):
    outcome = serializers.CharField(help_text="ok, slow, failed, or unknown: we could not look.")
    message = serializers.CharField()
    response_ms = serializers.FloatField(allow_null=True)
    phases_ms = serializers.DictField(child=serializers.FloatField(allow_null=True))
    certificate_until = serializers.DateTimeField(allow_null=True)
    detail = serializers.DictField()


class TestView(APIView):
    limited_as = {"POST": "tests"}
    """One look, kept nowhere. Whoever may make monitors may do it: it goes where they could send one."""

    __test__ = False
    problems = {"POST": ["404"]}

    @extend_schema(
        summary="Look once, before saving",
        request=TestSerializer,
        responses=FindingSerializer,
        operation_id="monitors_test",
    )
    def post(self, request: Request) -> Response:
        form = TestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        actor = actor_of(request)
        require(actor, Scope.MANAGE)
        monitor_id = asked.get("monitor_id")
        monitor = reach_monitor(actor, monitor_id, Scope.MANAGE) if monitor_id else None
        try:
            proxy = monitor.proxy if monitor is not None else None
            if "proxy_id" in asked:
                proxy = reach_proxy(actor, asked["proxy_id"])
            found = look_once(
                asked["kind"], asked["config"], timeout_s=asked["timeout_s"], monitor=monitor, proxy=proxy
            )
        except BadConfig as error:
            raise as_invalid(error) from None
        return Response(as_answer(found))


# Each look holds one of Django's threads for as long as its target takes.
looks = threading.BoundedSemaphore(max(settings.WEB_THREADS // 3, 1))


class TooBusyToLook(ServerBusy):
    default_detail = "Several looks are under way already. Try again in a moment."
    wait = 10


def look_once(
    kind_name: str,
    config: dict[str, Any],
    *,
    timeout_s: float,
    monitor: Monitor | None,
    proxy: MonitorProxy | None = None,
) -> Finding:
    """What a check would find now, with the monitor's secrets. Raises BadConfig and TooBusyToLook."""
    kind = kind_named(kind_name)
    whole = filled(config, kind=kind, monitor=monitor)
    if proxy is not None:
        if not takes_proxy(kind):
            raise BadConfig("Checks of this kind go through no proxy.", field="proxy_id")
        whole = whole | {"proxy": way_of(proxy)}
    options = kind.read(whole)
    if kind.is_internal:
        raise BadConfig("There is nothing to look at before it is saved.", field="kind")
    if not looks.acquire(blocking=False):
        raise TooBusyToLook
    try:
        return asyncio.run(look(kind, options, Way(policy=outbound_policy(), timeout_s=timeout_s)))
    finally:
        looks.release()


def as_answer(found: Finding) -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        "message": found.message,
        "response_ms": found.response_ms,
        "phases_ms": dict(zip(PHASES, found.phases.listed(), strict=True)) if found.phases else {},
        "certificate_until": found.certificate_until,
        "detail": dict(found.detail),
    }


class HeartbeatFilter(django_filters.FilterSet):
    is_important = django_filters.BooleanFilter()
    state = django_filters.ChoiceFilter(
        choices=[(each.name.lower(), each.label) for each in BeatState], method="in_state"
    )
    since = MomentFilter(method="from_then")
    until = MomentFilter(method="before_then")

    class Meta:
        model = Beat
        fields: list[str] = []

    def in_state(self, found: QuerySet[Beat], name: str, state: str) -> QuerySet[Beat]:
        return found.filter(state=BeatState[state.upper()])

    def from_then(self, found: Any, name: str, moment: Any) -> Any:
        return found.filter(id__gte=uuid7_floor(max(moment, EARLIEST)))

    def before_then(self, found: Any, name: str, moment: Any) -> Any:
        return found.filter(id__lt=uuid7_floor(max(moment, EARLIEST)))


class OfMonitor(IdsInPath, GenericAPIView):
    """A list that hangs on one monitor."""

    pagination_class = KeysetPagination

    def rows(self, monitor: Monitor) -> QuerySet[Any]:
        raise NotImplementedError

    def answer(self, request: Request, monitor_id: Any) -> Response:
        monitor = reach_monitor(actor_of(request), monitor_id, Scope.READ)
        page = self.paginate_queryset(self.filter_queryset(self.rows(monitor)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class HeartbeatsView(OfMonitor):
    serializer_class = BeatSerializer
    filterset_class = HeartbeatFilter
    queryset = Beat.objects.none()

    def rows(self, monitor: Monitor) -> QuerySet[Beat]:
        return Beat.objects.filter(monitor_id=monitor.id).order_by("-id").defer("detail")

    @extend_schema(
        summary="A monitor's checks, newest first",
        responses=BeatSerializer(many=True),
        operation_id="monitors_heartbeats",
    )
    def get(self, request: Request, monitor_id: Any) -> Response:
        return self.answer(request, monitor_id)


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
    queryset = MonitorEvent.objects.none()

    def rows(self, monitor: Monitor) -> QuerySet[MonitorEvent]:
        return MonitorEvent.objects.filter(monitor=monitor).order_by("-id")

    @extend_schema(
        summary="What people were told of a monitor, newest first",
        responses=MonitorEventSerializer(many=True),
        operation_id="monitors_events",
    )
    def get(self, request: Request, monitor_id: Any) -> Response:
        return self.answer(request, monitor_id)


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
        help_text="Of single checks; null for windows longer than those are kept.",
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
        found = [stats_of(monitor, window, now=now) for window in ([asked] if asked else WINDOWS)]
        return Response(StatsSerializer(found, many=True).data)
