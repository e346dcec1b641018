"""/v1/notification-deliveries."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
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
from monitor.channels.register import CannotSend, retry
from monitor.lib.actors import Actor, Scope
from monitor.models import NotificationAttempt, NotificationDelivery
from monitor.models.alerts import Severity
from monitor.models.channels import Subject
from monitor.models.webhooks import DeliveryStatus, Trigger
from monitor.search.filters import MomentFilter

OTHER_SERVICE = "Channels belong to the organization: a key of one service has no say in them."


class NotificationDeliverySerializer(serializers.ModelSerializer[NotificationDelivery]):
    """A notification on its way to a channel."""

    channel_id = serializers.UUIDField()
    notification_id = serializers.UUIDField()
    subject = serializers.ChoiceField(source="notification.subject", choices=Subject.choices)
    kind = serializers.CharField(source="notification.kind", help_text="As firing, resolved, down or up.")
    severity = serializers.ChoiceField(source="notification.severity", choices=Severity.choices)
    title = serializers.CharField(source="notification.title")
    incident = serializers.CharField(source="key", help_text="The same for all that is told of one.")
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    trigger = serializers.ChoiceField(choices=Trigger.choices)

    class Meta:
        model = NotificationDelivery
        fields = (
            "id",
            "channel_id",
            "notification_id",
            "subject",
            "kind",
            "severity",
            "title",
            "incident",
            "status",
            "trigger",
            "attempts",
            "created_at",
            "next_attempt_at",
            "finished_at",
            "last_error",
        )


class NotificationAttemptSerializer(serializers.ModelSerializer[NotificationAttempt]):
    """One try, and what came back: the first 2 KiB of it, masked."""

    class Meta:
        model = NotificationAttempt
        fields = (
            "number",
            "started_at",
            "duration_ms",
            "status_code",
            "error_class",
            "error",
            "is_permanent",
            "answer",
        )


class NotificationDeliveryDetailSerializer(NotificationDeliverySerializer):
    message = serializers.CharField(source="notification.message")
    details = serializers.SerializerMethodField(help_text="Facts, links and requests as they are told.")
    tries = serializers.SerializerMethodField(help_text="The attempts, first one first.")

    class Meta(NotificationDeliverySerializer.Meta):
        fields = (*NotificationDeliverySerializer.Meta.fields, "message", "details", "tries")  # type: ignore[assignment] # three more

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_details(self, delivery: NotificationDelivery) -> Any:
        told = delivery.notification
        return {
            "facts": told.details.get("facts", []),
            "links": told.details.get("links", []),
            "samples": told.samples or [],
        }

    @extend_schema_field(NotificationAttemptSerializer(many=True))
    def get_tries(self, delivery: NotificationDelivery) -> Any:
        return NotificationAttemptSerializer(delivery.tries.order_by("number"), many=True).data


class NotificationDeliveryFilter(IdsByMoment, django_filters.FilterSet):
    channel_id = django_filters.UUIDFilter()
    notification_id = django_filters.UUIDFilter()
    status = django_filters.ChoiceFilter(choices=DeliveryStatus.choices)
    since = MomentFilter(method="from_then")
    until = MomentFilter(method="before_then")

    class Meta:
        model = NotificationDelivery
        fields: list[str] = []


def reach_delivery(actor: Actor, delivery_id: UUID, scope: Scope) -> NotificationDelivery:
    """The delivery with its notification and channel; 404 and 403 as for channels."""
    reachable = NotificationDelivery.objects.filter(organization__in=list(actor.grants))
    delivery = reachable.select_related("notification", "channel").filter(id=delivery_id).first()
    if delivery is None:
        raise Http404("No such delivery.")
    if actor.service_id is not None:
        raise PermissionDenied(OTHER_SERVICE, code="other_service")
    require(actor, scope, delivery.organization_id)
    return delivery


class NotificationDeliveriesView(GenericAPIView[NotificationDelivery]):
    serializer_class = NotificationDeliverySerializer
    pagination_class = KeysetPagination
    filterset_class = NotificationDeliveryFilter
    queryset = NotificationDelivery.objects.none()

    def get_queryset(self) -> QuerySet[NotificationDelivery]:
        mine = NotificationDelivery.objects.visible_to(actor_of(self.request))
        return mine.select_related("notification").order_by("-id")

    @extend_schema(
        summary="List what channels were told, newest first",
        description="Kept for 30 days.",
        responses=NotificationDeliverySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(NotificationDeliverySerializer(page, many=True).data)


class NotificationDeliveryView(IdsInPath, APIView):
    @extend_schema(
        summary="Get what a channel was told, with its attempts",
        responses=NotificationDeliveryDetailSerializer,
    )
    def get(self, request: Request, notification_delivery_id: UUID) -> Response:
        delivery = reach_delivery(actor_of(request), notification_delivery_id, Scope.READ)
        return Response(NotificationDeliveryDetailSerializer(delivery).data)


class RetryNotificationView(IdsInPath, APIView):
    scopes = {"POST": Scope.REPLAY}
    problems = {"POST": ("409",)}

    @extend_schema(
        summary="Tell a channel again, now", request=None, responses={202: NotificationDeliverySerializer}
    )
    def post(self, request: Request, notification_delivery_id: UUID) -> Response:
        delivery = reach_delivery(actor_of(request), notification_delivery_id, Scope.REPLAY)
        try:
            delivery = retry(delivery, now=timezone.now())
        except CannotSend as refused:
            raise Conflict("notification_delivery_id", str(refused)) from None
        return Response(NotificationDeliverySerializer(delivery).data, status=202)
