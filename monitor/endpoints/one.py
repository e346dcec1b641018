"""/v1/endpoints/{id}: one endpoint, its names, and what is done to them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.fields import TextField, TruthField
from monitor.api.paths import IdsInPath
from monitor.api.permissions import check_service
from monitor.endpoints.reshape import (
    MAX_MERGED,
    CannotReshape,
    NameTaken,
    Preview,
    merge,
    preview_merge,
    preview_split,
    rename,
    split,
)
from monitor.issues.reported import reported_at
from monitor.lib.actors import Actor, Scope
from monitor.lib.path_rules import MAX_PATTERN_CHARS
from monitor.lib.routes import MAX_ROUTE_LENGTH
from monitor.models import Endpoint, EndpointMove
from monitor.models.clients import ErrorKind
from monitor.models.keys import Mode

MOVES_SHOWN = 20


class OtherNameSerializer(serializers.ModelSerializer[Endpoint]):
    class Meta:
        model = Endpoint
        fields = ("id", "method", "route")


class EndpointMoveSerializer(serializers.ModelSerializer[EndpointMove]):
    """Logs on their way from one endpoint to another; with `pattern`, those of such paths."""

    source_id = serializers.UUIDField()
    target_id = serializers.UUIDField()

    class Meta:
        model = EndpointMove
        fields = ("id", "source_id", "target_id", "pattern", "asked_by", "asked_at", "finished_at", "logs")


class ReportedErrorSerializer(serializers.Serializer[Any]):
    """An error that client libraries counted by themselves; logs may tell of the same requests."""

    mode = serializers.ChoiceField(choices=Mode.choices)
    kind = serializers.ChoiceField(choices=ErrorKind.choices)
    field = serializers.CharField(help_text="Where a validation error is, `body.price`; else empty.")
    type = serializers.CharField()
    message = serializers.CharField()
    count = serializers.IntegerField()
    consumers = serializers.IntegerField(help_text="Distinct ones, of those that the client named.")
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()


class OneEndpointSerializer(serializers.ModelSerializer[Endpoint]):
    """An endpoint with its other names; `merged_into` is set for one that is only a name of another."""

    service_id = serializers.UUIDField()
    merged_into = serializers.UUIDField(source="merged_into_id", allow_null=True)
    other_names = OtherNameSerializer(many=True, read_only=True)
    moves = serializers.SerializerMethodField()
    reported_errors = serializers.SerializerMethodField(
        help_text="What client libraries counted in the last 30 days, the latest first, at most 50."
    )

    class Meta:
        model = Endpoint
        fields = (
            "id",
            "service_id",
            "method",
            "route",
            "first_seen_at",
            "merged_into",
            "other_names",
            "moves",
            "reported_errors",
        )

    @extend_schema_field(EndpointMoveSerializer(many=True))
    def get_moves(self, endpoint: Endpoint) -> Any:
        return EndpointMoveSerializer(moves_of(endpoint), many=True).data

    @extend_schema_field(ReportedErrorSerializer(many=True))
    def get_reported_errors(self, endpoint: Endpoint) -> Any:
        return ReportedErrorSerializer(reported_at(endpoint, now=timezone.now()), many=True).data


class RenameSerializer(serializers.Serializer[Any]):
    route = TextField(max_length=MAX_ROUTE_LENGTH)


class MergeSerializer(serializers.Serializer[Any]):
    endpoints = serializers.ListField(
        child=serializers.UUIDField(),
        min_length=1,
        max_length=MAX_MERGED,
        help_text="What becomes part of it.",
    )
    dry_run = TruthField(default=False)


class SplitSerializer(serializers.Serializer[Any]):
    pattern = TextField(
        max_length=MAX_PATTERN_CHARS,
        help_text="`/orders/export`, `/files/{name}` for one segment, `/files/*` for all that follows.",
    )
    method = TextField(
        max_length=16, required=False, default="", help_text="The endpoint's own, unless it has several."
    )
    route = TextField(
        max_length=MAX_ROUTE_LENGTH, required=False, allow_blank=True, default="", help_text="Its name."
    )
    dry_run = TruthField(default=False)


class ReshapedSerializer(serializers.Serializer[Any]):
    """What is moved, or with `dry_run` would be."""

    dry_run = serializers.BooleanField()
    endpoint_id = serializers.UUIDField(allow_null=True, help_text="Where it goes; null when not made yet.")
    logs = serializers.IntegerField(allow_null=True, help_text="Null: too many to count in time.")
    paths = serializers.ListField(child=serializers.CharField(), help_text="Of the newest of them.")
    since = serializers.DateField(allow_null=True, help_text="The oldest day whose numbers change.")
    issues = serializers.IntegerField(help_text="Error issues that go along.")
    shared_issues = serializers.IntegerField(
        help_text="Those of other paths too. They are divided by the requests that are kept; what was counted"
        " of older ones stays."
    )
    counts_stay = serializers.BooleanField(
        help_text="Whether clients counted requests by themselves, which stay: a count names no path."
    )


def reach_endpoint(actor: Actor, endpoint_id: UUID, scope: Scope) -> Endpoint:
    """The endpoint, when the actor may do this to it: 404 beyond its organizations, else 403."""
    endpoint = (
        Endpoint.objects.select_related("service")
        .filter(id=endpoint_id, service__deleted_at=None, service__organization__in=list(actor.grants))
        .first()
    )
    if endpoint is None:
        raise Http404("No such endpoint.")
    check_service(actor, endpoint.service, scope)
    return endpoint


def sources_of(target: Endpoint, ids: list[UUID]) -> list[Endpoint]:
    """Endpoints of the same service. Raises CannotReshape where one is not there."""
    found = list(Endpoint.objects.filter(service=target.service_id, id__in=ids).order_by("route"))
    if len(found) < len(set(ids)):
        raise CannotReshape("endpoints", "All must be of one service and one method.")
    return found


def moves_of(endpoint: Endpoint) -> list[EndpointMove]:
    moves = EndpointMove.objects.filter(Q(target=endpoint) | Q(source=endpoint))
    return list(moves.select_related("source", "target").order_by("-id")[:MOVES_SHOWN])


def told(change: Callable[[], Any]) -> Any:
    """What the change gives; what is wrong with it as the API says it."""
    try:
        return change()
    except NameTaken as taken:
        raise Conflict(taken.field, str(taken)) from None
    except CannotReshape as wrong:
        raise serializers.ValidationError({wrong.field: str(wrong)}) from None


def reshaped(preview: Preview, *, dry_run: bool, endpoint_id: UUID | None) -> Response:
    told = {
        "dry_run": dry_run,
        "endpoint_id": endpoint_id,
        "logs": preview.logs,
        "paths": preview.paths,
        "since": preview.since,
        "issues": preview.issues,
        "shared_issues": preview.shared_issues,
        "counts_stay": preview.counts_stay,
    }
    return Response(ReshapedSerializer(told).data, status=200 if dry_run else 202)


class EndpointView(IdsInPath, APIView):
    problems = {"PATCH": ("409",)}

    @extend_schema(summary="Get an endpoint with its other names", responses=OneEndpointSerializer)
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = reach_endpoint(actor_of(request), endpoint_id, Scope.READ)
        return Response(OneEndpointSerializer(endpoint).data)

    @extend_schema(
        summary="Rename an endpoint",
        description="Requests that are sent under the old name are still its own.",
        request=RenameSerializer,
        responses=OneEndpointSerializer,
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = reach_endpoint(actor_of(request), endpoint_id, Scope.MANAGE)
        form = RenameSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        renamed = told(lambda: rename(endpoint, form.validated_data["route"], now=timezone.now()))
        return Response(OneEndpointSerializer(renamed).data)


class MergeView(IdsInPath, APIView):
    @extend_schema(
        summary="Merge endpoints into this one",
        description="From now on, and in history: a task moves their logs and numbers day by day. With"
        " `dry_run` nothing changes, and 200 says what would.",
        request=MergeSerializer,
        responses={200: ReshapedSerializer, 202: ReshapedSerializer},
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        actor = actor_of(request)
        target = reach_endpoint(actor, endpoint_id, Scope.MANAGE)
        form = MergeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data

        def change() -> Preview:
            sources = sources_of(target, asked["endpoints"])
            preview = preview_merge(target, sources)
            if not asked["dry_run"]:
                merge(target, sources, by=actor.label, now=timezone.now())
            return preview

        return reshaped(told(change), dry_run=asked["dry_run"], endpoint_id=target.id)


class SplitView(IdsInPath, APIView):
    problems = {"POST": ("409",)}

    @extend_schema(
        summary="Make some paths of an endpoint one of their own",
        description="From now on whatever route such requests are sent with, and in history as far back as"
        " the logs are whole. With `dry_run` nothing changes, and 200 says what would. To undo it, merge the"
        " two.",
        request=SplitSerializer,
        responses={200: ReshapedSerializer, 202: ReshapedSerializer},
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        actor, now = actor_of(request), timezone.now()
        source = reach_endpoint(actor, endpoint_id, Scope.MANAGE)
        form = SplitSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        dry_run, pattern = asked["dry_run"], asked["pattern"]
        method = asked["method"].upper() or source.method
        preview = told(lambda: preview_split(source, pattern=pattern, method=method, now=now))
        if dry_run:
            return reshaped(preview, dry_run=True, endpoint_id=None)
        move = told(
            lambda: split(
                source, pattern=pattern, method=method, route=asked["route"], by=actor.label, now=now
            )
        )
        return reshaped(preview, dry_run=False, endpoint_id=move.target_id)
