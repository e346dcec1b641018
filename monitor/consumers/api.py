"""/v1/consumers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of, key_mode_of
from monitor.api.errors import Conflict, TooMuchToRead
from monitor.api.fields import StrictModelSerializer
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require
from monitor.api.ranked import RankedPagination
from monitor.consumers.forget import AlreadyForgotten, forget
from monitor.consumers.ranking import Chosen, Order, rank, told
from monitor.endpoints import EndpointFilter
from monitor.events import record_events
from monitor.events.drafting import created_consumer
from monitor.lib.actors import Actor, Scope
from monitor.metrics import TooMuchToCount, ask
from monitor.models import Consumer, ConsumerErasure, MetricRollup, Organization, RequestLog, Service
from monitor.models.keys import Mode
from monitor.search.filters import refusal
from monitor.services.api import NO_SUCH_ORGANIZATION, organization_for

DIRECTIONS = ("desc", "asc")
OTHER_SERVICE = "Consumers belong to the organization: a key of one service cannot change them."


class ErasureSerializer(serializers.ModelSerializer[ConsumerErasure]):
    """The receipt of a consumer who was forgotten."""

    consumer_id = serializers.UUIDField()

    class Meta:
        model = ConsumerErasure
        fields = (
            *("id", "consumer_id", "asked_by", "asked_at", "finished_at", "logs", "payloads", "replays"),
            *("addresses", "queries", "paths", "error_texts", "tags"),
            *("views", "routes", "path_rules", "routes_left"),
        )


class ConsumerSerializer(StrictModelSerializer):
    """Who calls. `identifier` is what logs say; name and group are yours to choose."""

    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )
    erasure = ErasureSerializer(read_only=True, allow_null=True, default=None)

    class Meta:
        model = Consumer
        fields = (
            "id",
            "organization",
            "identifier",
            "name",
            "group",
            "is_hidden",
            "first_seen_at",
            "forgotten_at",
            "erasure",
        )
        read_only_fields = ("id", "first_seen_at", "forgotten_at")
        # That identifiers are unique is answered with 409, not 400.
        validators: list[Any] = []


class ChangedConsumerSerializer(ConsumerSerializer):
    identifier = serializers.CharField(read_only=True)
    organization = serializers.PrimaryKeyRelatedField(read_only=True)


class ConsumerRowSerializer(serializers.Serializer[Any]):
    """A consumer and its numbers in the window."""

    id = serializers.UUIDField()
    identifier = serializers.CharField(source="consumer.identifier")
    name = serializers.CharField(source="consumer.name")
    group = serializers.CharField(source="consumer.group")
    is_hidden = serializers.BooleanField(source="consumer.is_hidden")
    requests = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment] # the member's name
    request_bytes = serializers.IntegerField(help_text="Of the bodies, as they were sent.")
    response_bytes = serializers.IntegerField(help_text="Of the bodies, as they were sent.")
    error_rate = serializers.FloatField(help_text="Errors for each request, 0 to 1.")
    share = serializers.FloatField(help_text="Of all requests with a consumer in the window, 0 to 1.")
    p95_latency_ms = serializers.FloatField(allow_null=True, help_text="True to 0.54 %.")
    is_new = serializers.BooleanField(help_text="Whether it was met for the first time in the window.")
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(
        allow_null=True, help_text="Of all time. Once its logs are gone, the day it called last."
    )


class AskedSerializer(serializers.Serializer[Any]):
    """What is asked for beside the window."""

    group = serializers.CharField(max_length=64, required=False, default="")
    text = serializers.CharField(max_length=128, required=False, default="")
    hidden = serializers.ChoiceField(choices=("true", "false"), default="false")
    sort = serializers.ChoiceField(choices=[each.value for each in Order], default=Order.REQUESTS.value)
    order = serializers.ChoiceField(choices=DIRECTIONS, default="desc")


def reach_consumer(actor: Actor, consumer_id: UUID, scope: Scope) -> Consumer:
    """The consumer, when the actor may do this to it.

    404 beyond the actor's organizations, and for a key of a service that it never called; 403 without the
    scope, and for such a key where something is to be changed.
    """
    reachable = Consumer.objects.filter(organization__in=list(actor.grants)).select_related("erasure")
    consumer = reachable.filter(id=consumer_id).first()
    if consumer is None:
        raise Http404("No such consumer.")
    if actor.service_id is not None:
        if scope != Scope.READ:
            raise PermissionDenied(OTHER_SERVICE, code="other_service")
        if not has_called(consumer, actor.service_id):
            raise Http404("No such consumer.")
    require(actor, scope, consumer.organization_id)
    return consumer


def has_called(consumer: Consumer, service_id: UUID) -> bool:
    by_logs = RequestLog.objects.filter(consumer=consumer, service_id=service_id)
    by_numbers = MetricRollup.objects.filter(subject=str(consumer.id), family="consumer", service=service_id)
    return by_logs.exists() or by_numbers.exists()


def make_consumer(*, now: datetime, mode: str, **fields: Any) -> Consumer:
    """A consumer before its first request. Raises Conflict where the identifier is known already."""
    try:
        with transaction.atomic():
            consumer = Consumer.objects.create(first_seen_at=now, **fields)
            record_events([created_consumer(consumer, mode=mode)])
            return consumer
    except IntegrityError:
        raise Conflict("identifier", "This consumer is known already.") from None


class ConsumersView(GenericAPIView[RequestLog]):
    serializer_class = ConsumerSerializer
    pagination_class = RankedPagination
    filterset_class = EndpointFilter
    problems = {"GET": ("422",), "POST": ("409",)}
    queryset = RequestLog.objects.none()

    @extend_schema(
        summary="List consumers by their requests",
        responses=ConsumerRowSerializer(many=True),
        parameters=[
            OpenApiParameter("group", {"type": "string", "maxLength": 64}),
            OpenApiParameter(
                "text", {"type": "string", "maxLength": 128}, description="A part of identifier or name."
            ),
            OpenApiParameter("hidden", OpenApiTypes.STR, enum=["true", "false"], default="false"),
            OpenApiParameter(
                "sort", OpenApiTypes.STR, enum=[each.value for each in Order], default="requests"
            ),
            OpenApiParameter("order", OpenApiTypes.STR, enum=DIRECTIONS, default="desc"),
        ],
    )
    def get(self, request: Request) -> Response:
        actor, now = actor_of(request), timezone.now()
        asked = AskedSerializer(data={name: word for name, word in request.query_params.items() if word})
        asked.is_valid(raise_exception=True)
        words = asked.validated_data
        service_ids = list(Service.objects.visible_to(actor).values_list("id", flat=True))
        logs = RequestLog.objects.of_services(service_ids)
        filterset: EndpointFilter = DjangoFilterBackend().get_filterset(request, logs, self)
        if not filterset.is_valid():
            raise refusal(filterset)
        question = ask(service_ids=service_ids, asked=filterset, now=now)
        chosen = Chosen(group=words["group"], text=words["text"], hidden=words["hidden"] == "true")
        try:
            rows = rank(
                question, actor, chosen=chosen, order=Order(words["sort"]), reverse=words["order"] == "asc"
            )
            page = told(self.paginate_queryset(rows) or [], question)
        except TooMuchToCount as error:
            raise TooMuchToRead(str(error)) from None
        return self.get_paginated_response(ConsumerRowSerializer(page, many=True).data)

    @extend_schema(
        summary="Make a consumer known before its first request",
        description="With a live or a test key alike: who calls is the same in both modes.",
        request=ConsumerSerializer,
        responses={201: ConsumerSerializer},
    )
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        if actor.service_id is not None:
            raise PermissionDenied(OTHER_SERVICE, code="other_service")
        form = ConsumerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        fields["organization"] = organization_for(actor, fields.pop("organization", None))
        consumer = make_consumer(now=timezone.now(), mode=key_mode_of(request) or Mode.LIVE, **fields)
        return Response(ConsumerSerializer(consumer).data, status=201)


class ConsumerView(IdsInPath, APIView):
    problems = {"PATCH": ("409",)}

    @extend_schema(summary="Get a consumer", responses=ConsumerSerializer)
    def get(self, request: Request, consumer_id: UUID) -> Response:
        return Response(ConsumerSerializer(reach_consumer(actor_of(request), consumer_id, Scope.READ)).data)

    @extend_schema(
        summary="Rename, group or hide a consumer",
        request=ChangedConsumerSerializer,
        responses=ConsumerSerializer,
    )
    def patch(self, request: Request, consumer_id: UUID) -> Response:
        consumer = reach_consumer(actor_of(request), consumer_id, Scope.MANAGE)
        if consumer.forgotten_at is not None:
            raise Conflict("name", "This consumer was forgotten.")
        form = ChangedConsumerSerializer(consumer, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        form.save()
        return Response(ConsumerSerializer(consumer).data)


class ForgetView(IdsInPath, APIView):
    problems = {"POST": ("409",)}

    @extend_schema(
        summary="Forget a consumer, for good",
        description="Its identifier, name and group go at once. A task then erases, from all its logs,"
        " addresses, query strings, headers and bodies, what replays copied of them, and its identifier and"
        " name where they stand in paths, errors and tags; logs of others stay as they are. Saved views"
        " lose the name, and so do routes of endpoints with it as a segment, but for plain words in routes"
        " that others call, too (`routes_left`). The answer is the receipt, which the consumer keeps as"
        " `erasure`; counts grow until `finished_at`.",
        request=None,
        responses={202: ErasureSerializer},
    )
    def post(self, request: Request, consumer_id: UUID) -> Response:
        actor = actor_of(request)
        consumer = reach_consumer(actor, consumer_id, Scope.MANAGE)
        try:
            erasure = forget(consumer, asked_by=actor.label, now=timezone.now())
        except AlreadyForgotten:
            raise Conflict("consumer_id", "This consumer was forgotten already.") from None
        return Response(ErasureSerializer(erasure).data, status=202)
