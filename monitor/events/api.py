"""/v1/events and the catalogue of their types."""

from typing import Any
from uuid import UUID

import django_filters
import msgspec
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of, key_mode_of
from monitor.api.fields import TextField
from monitor.api.filters import IdsByMoment
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require
from monitor.events.body import MAX_BODY_BYTES
from monitor.events.catalogue import RESERVED, TYPE, TYPES
from monitor.events.record import record_event
from monitor.lib.actors import Actor, Scope
from monitor.models import Event, Organization
from monitor.models.events import MAX_TYPE_CHARS
from monitor.models.keys import Mode
from monitor.search.filters import MomentFilter
from monitor.services.api import NO_SUCH_ORGANIZATION

TEST = "test.ping"
# What is around the data takes less than this.
MAX_DATA_BYTES = MAX_BODY_BYTES - 1_000


@extend_schema_field({"type": "object", "additionalProperties": True})
class ObjectField(serializers.DictField):
    """A JSON object."""


class EventSerializer(serializers.ModelSerializer[Event]):
    message_id = serializers.CharField(
        help_text="What receivers know it by: `webhook-id`, and `id` in the payload. The same at every try."
    )

    class Meta:
        model = Event
        fields = ("id", "message_id", "type", "mode", "environment", "service_id", "happened_at")


class EventDetailSerializer(EventSerializer):
    payload = serializers.SerializerMethodField(help_text="What receivers get.")

    class Meta(EventSerializer.Meta):
        fields = (*EventSerializer.Meta.fields, "payload")  # type: ignore[assignment] # one field more

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_payload(self, event: Event) -> Any:
        return msgspec.json.decode(event.body)


class NewEventSerializer(serializers.Serializer[Any]):
    """An event of your own, or a test."""

    type = TextField(
        max_length=MAX_TYPE_CHARS,
        help_text="Words with dots, as `order.shipped`; not beginning like an event of ours. Or `test.ping`.",
    )
    data = ObjectField(required=False, default=dict, help_text="At most 19,000 bytes of JSON.")  # type: ignore[assignment] # the member's name
    environment = TextField(max_length=64, required=False, allow_blank=True, default="")
    mode = serializers.ChoiceField(
        choices=Mode.choices, required=False, help_text="Left out: the key's own, or live."
    )
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )

    def validate_type(self, type_: str) -> str:
        if not TYPE.fullmatch(type_):
            raise ValidationError("Use letters, digits and _ in two or more words with dots between them.")
        if type_ != TEST and type_.partition(".")[0] in RESERVED:
            raise ValidationError("Events that begin with this word are told by the monitor alone.")
        return type_

    def validate_data(self, data: dict[str, Any]) -> dict[str, Any]:
        try:
            size = len(msgspec.json.encode(data))
        except (TypeError, ValueError, RecursionError):
            raise ValidationError("Must be plain JSON.") from None
        if size > MAX_DATA_BYTES:
            raise ValidationError(f"Must be at most {MAX_DATA_BYTES:,} bytes of JSON.")
        if "\\u0000" in msgspec.json.encode(data).decode():
            raise ValidationError("Must not hold the character U+0000.")
        return data


class EventFilter(IdsByMoment, django_filters.FilterSet):
    type = django_filters.CharFilter(max_length=MAX_TYPE_CHARS)
    mode = django_filters.ChoiceFilter(choices=Mode.choices)
    environment = django_filters.CharFilter(max_length=64)
    service_id = django_filters.UUIDFilter()
    since = MomentFilter(method="from_then")
    until = MomentFilter(method="before_then")

    class Meta:
        model = Event
        fields: list[str] = []


class MayTell(BasePermission):
    """Reading needs `read`. What reports logs may tell of more; so may who manages."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = actor_of(request)
        if request.method == "POST":
            require_telling(actor)
        else:
            require(actor, Scope.READ)
        return True


def require_telling(actor: Actor, organization_id: UUID | None = None) -> None:
    if not actor.may(Scope.MANAGE, organization_id):
        require(actor, Scope.INGEST, organization_id)


def organization_told_of(actor: Actor, asked: Organization | None) -> UUID:
    """As asked, else the actor's only one that it may tell of, else Default."""
    mine = {*actor.organizations(Scope.MANAGE), *actor.organizations(Scope.INGEST)}
    if asked is not None:
        if asked.id not in actor.grants:
            raise ValidationError({"organization": NO_SUCH_ORGANIZATION}, code="does_not_exist")
        require_telling(actor, asked.id)
        return asked.id
    if len(mine) == 1:
        return mine.pop()
    default = Organization.objects.default()
    if default.id not in mine:
        raise ValidationError({"organization": "You manage several organizations: name one."})
    return default.id


class EventsView(GenericAPIView[Event]):
    serializer_class = EventSerializer
    pagination_class = KeysetPagination
    filterset_class = EventFilter
    permission_classes = (MayTell,)
    queryset = Event.objects.none()

    def get_queryset(self) -> QuerySet[Event]:
        return Event.objects.visible_to(actor_of(self.request)).defer("body").order_by("-id")

    @extend_schema(
        summary="List events, newest first",
        description="`log.error`, `alert.firing` and `consumer.created` are kept where an endpoint"
        " listens for them, all others always; for 90 days.",
        responses=EventSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(EventSerializer(page, many=True).data)

    @extend_schema(
        summary="Tell an event of your own, or a test",
        description="It goes to every webhook endpoint that listens for its type. A key needs the scope"
        " `ingest` or `manage`.",
        request=NewEventSerializer,
        responses={201: EventDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        form = NewEventSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        actor = actor_of(request)
        key_mode = key_mode_of(request)
        if key_mode is not None and fields.get("mode", key_mode) != key_mode:
            raise PermissionDenied(f"This key is for {key_mode} mode.")
        event = record_event(
            organization_id=organization_told_of(actor, fields.get("organization")),
            service_id=actor.service_id,
            type=fields["type"],
            data=fields["data"],
            mode=fields.get("mode") or key_mode or Mode.LIVE,
            environment=fields["environment"],
            now=timezone.now(),
        )
        return Response(EventDetailSerializer(event).data, status=201)


class EventView(IdsInPath, APIView):
    @extend_schema(summary="Get an event with its payload", responses=EventDetailSerializer)
    def get(self, request: Request, event_id: UUID) -> Response:
        event = Event.objects.visible_to(actor_of(request)).filter(id=event_id).first()
        if event is None:
            raise Http404("No such event.")
        return Response(EventDetailSerializer(event).data)


class EventTypeSerializer(serializers.Serializer[Any]):
    """A type of event."""

    name = serializers.CharField()
    version = serializers.IntegerField(help_text="Rises when receivers of the old one could stumble.")
    description = serializers.CharField()
    schema = ObjectField(help_text="JSON Schema (2020-12) of what receivers get.")
    example = ObjectField(help_text="An example of `data`.")


class EventTypesView(APIView):
    @extend_schema(
        summary="The catalogue of events, with their schemas",
        operation_id="event_types_list",
        responses=EventTypeSerializer(many=True),
        filters=False,
    )
    def get(self, request: Request) -> Response:
        return Response(EventTypeSerializer(TYPES, many=True).data)
