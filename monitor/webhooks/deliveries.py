"""/v1/webhook-deliveries."""

from typing import Any
from uuid import UUID

import django_filters
import msgspec
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.filters import IdsByMoment
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import WebhookAttempt, WebhookDelivery
from monitor.models.events import MAX_TYPE_CHARS
from monitor.models.webhooks import DeliveryStatus, Trigger
from monitor.search.filters import MomentFilter
from monitor.webhooks.again import CannotSend, retry

OTHER_SERVICE = "Deliveries belong to the organization: a key of one service cannot see them."


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """An event on its way to an endpoint."""

    event_id = serializers.UUIDField()
    endpoint_id = serializers.UUIDField()
    replay_of = serializers.UUIDField(source="replay_of_id", allow_null=True, read_only=True)
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    trigger = serializers.ChoiceField(choices=Trigger.choices)

    class Meta:
        model = WebhookDelivery
        fields = (
            "id",
            "endpoint_id",
            "event_id",
            "event_type",
            "status",
            "trigger",
            "attempts",
            "last_status_code",
            "last_error_class",
            "created_at",
            "next_attempt_at",
            "finished_at",
            "replay_of",
        )


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        },
    }
)
class AnswerHeadersField(serializers.JSONField):
    """Names to values; several values of one name as an array."""


class AttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    """One try, and what came back: the first 4 KiB of it, masked as logs are."""

    trigger = serializers.ChoiceField(choices=Trigger.choices)
    response_headers = AnswerHeadersField()

    class Meta:
        model = WebhookAttempt
        fields = (
            "number",
            "trigger",
            "started_at",
            "duration_ms",
            "status_code",
            "error_class",
            "error",
            "response_headers",
            "response_body",
            "response_truncated",
        )


class DeliveryDetailSerializer(DeliverySerializer):
    tries = serializers.SerializerMethodField(help_text="The attempts, first one first.")
    payload = serializers.SerializerMethodField(help_text="What is sent.")

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "tries", "payload")  # type: ignore[assignment] # two more

    @extend_schema_field(AttemptSerializer(many=True))
    def get_tries(self, delivery: WebhookDelivery) -> Any:
        return AttemptSerializer(delivery.tries.order_by("number"), many=True).data

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_payload(self, delivery: WebhookDelivery) -> Any:
        return msgspec.json.decode(delivery.event.body)


class DeliveryFilter(IdsByMoment, django_filters.FilterSet):
    endpoint_id = django_filters.UUIDFilter()
    event_id = django_filters.UUIDFilter()
    event_type = django_filters.CharFilter(max_length=MAX_TYPE_CHARS)
    status = django_filters.ChoiceFilter(choices=DeliveryStatus.choices)
    since = MomentFilter(method="from_then")
    until = MomentFilter(method="before_then")

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []


def reach_delivery(actor: Actor, delivery_id: UUID, scope: Scope) -> WebhookDelivery:
    """The delivery with its event and endpoint; 404 and 403 as for endpoints."""
    reachable = WebhookDelivery.objects.filter(organization__in=list(actor.grants))
    delivery = reachable.select_related("event", "endpoint").filter(id=delivery_id).first()
    if delivery is None:
        raise Http404("No such delivery.")
    if actor.service_id is not None:
        raise PermissionDenied(OTHER_SERVICE, code="other_service")
    require(actor, scope, delivery.organization_id)
    return delivery


class DeliveriesView(GenericAPIView[WebhookDelivery]):
    serializer_class = DeliverySerializer
    pagination_class = KeysetPagination
    filterset_class = DeliveryFilter
    queryset = WebhookDelivery.objects.none()

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        return WebhookDelivery.objects.visible_to(actor_of(self.request)).order_by("-id")

    @extend_schema(
        summary="List deliveries, newest first",
        description="Finished ones are kept for 30 days, unfinished ones until they are finished.",
        responses=DeliverySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(DeliverySerializer(page, many=True).data)


class DeliveryView(IdsInPath, APIView):
    @extend_schema(summary="Get a delivery with its payload and attempts", responses=DeliveryDetailSerializer)
    def get(self, request: Request, delivery_id: UUID) -> Response:
        delivery = reach_delivery(actor_of(request), delivery_id, Scope.READ)
        return Response(DeliveryDetailSerializer(delivery).data)


class RetryView(IdsInPath, APIView):
    scopes = {"POST": Scope.REPLAY}
    limited_as = {"POST": "replays"}
    problems = {"POST": ("409",)}

    @extend_schema(
        summary="Send a delivery again, now",
        description="With the same `webhook-id`. It uses up none of the schedule, which goes on afterwards.",
        request=None,
        responses={202: DeliverySerializer},
    )
    def post(self, request: Request, delivery_id: UUID) -> Response:
        delivery = reach_delivery(actor_of(request), delivery_id, Scope.REPLAY)
        try:
            delivery = retry(delivery, now=timezone.now())
        except CannotSend as refused:
            raise Conflict("delivery_id", str(refused)) from None
        return Response(DeliverySerializer(delivery).data, status=202)
