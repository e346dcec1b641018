"""/v1/alert-silences, and acknowledging what fires."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.alerts.api import reach_rule
from monitor.alerts.quiet import (
    MAX_ACKNOWLEDGED,
    BadSilence,
    acknowledge,
    end_silence,
    make_silence,
    reach_silence,
)
from monitor.api.authentication import actor_of
from monitor.api.fields import StrictModelSerializer, TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import reach_service, require
from monitor.lib.actors import Actor, Scope
from monitor.models import AlertSilence, Organization
from monitor.search.saved.api import home_of

MINUTES_AT_MOST = MAX_ACKNOWLEDGED // timedelta(minutes=1)


class AlertSilenceSerializer(StrictModelSerializer):
    """Matches what all its parts match: organization, service, rule, severity, group (with * and ?)."""

    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        help_text="Left out: the service's, the key's, your only one, or Default.",
    )
    service_id = serializers.UUIDField(required=False, allow_null=True)
    alert_id = serializers.UUIDField(source="rule_id", required=False, allow_null=True)
    starts_at = serializers.DateTimeField(required=False, help_text="Left out: now.")

    class Meta:
        model = AlertSilence
        fields = (
            "id",
            "organization",
            "service_id",
            "alert_id",
            "severity",
            "group",
            "reason",
            "starts_at",
            "ends_at",
            "created_by",
            "created_at",
        )
        read_only_fields = ("id", "created_by", "created_at")


def silence_as_asked(actor: Actor, asked: dict[str, Any]) -> AlertSilence:
    """Made where the actor may manage what it silences. Raises ValidationError, PermissionDenied, Http404."""
    said = dict(asked)
    organization = said.pop("organization", None)
    if said.get("rule_id"):
        rule = reach_rule(actor, said["rule_id"], Scope.MANAGE)
        if said.get("service_id") not in (None, rule.service_id):
            raise ValidationError({"service_id": "The rule is of another service."})
        said["service_id"] = rule.service_id
    if said.get("service_id"):
        home = reach_service(actor, said["service_id"], Scope.MANAGE).organization
        if organization not in (None, home):
            raise ValidationError({"organization": "The service is of another organization."})
    else:
        if actor.service_id is not None:
            raise PermissionDenied("This API key belongs to one service: name it.", code="other_service")
        home = home_of(actor, organization)
        require(actor, Scope.MANAGE, home.id)
    try:
        return make_silence(organization_id=home.id, said=said, made_by=actor.label, now=timezone.now())
    except BadSilence as error:
        raise ValidationError({error.field: str(error)}) from None


@extend_schema_view(
    list=extend_schema(summary="List silences, newest first"),
    create=extend_schema(summary="Silence alerts for a while, from now or (maintenance) from later on"),
    retrieve=extend_schema(summary="Get a silence"),
    destroy=extend_schema(summary="End a silence now; it stays in the list"),
)
class AlertSilenceViewSet(
    IdsInPath,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[AlertSilence],
):
    serializer_class = AlertSilenceSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    problems = {"POST": ["404"]}
    queryset = AlertSilence.objects.none()

    def get_queryset(self) -> QuerySet[AlertSilence]:
        return AlertSilence.objects.visible_to(actor_of(self.request)).order_by("-id")

    def get_object(self) -> AlertSilence:
        scope = Scope.READ if self.request.method in ("GET", "HEAD") else Scope.MANAGE
        return reach_silence(actor_of(self.request), self.kwargs["silence_id"], scope)

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        silence = silence_as_asked(actor_of(request), serializer.validated_data)
        return Response(self.get_serializer(silence).data, status=201)

    def perform_destroy(self, instance: AlertSilence) -> None:
        end_silence(instance, now=timezone.now())


class AcknowledgementSerializer(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(min_value=1, max_value=MINUTES_AT_MOST, default=60)
    group = TextField(max_length=300, required=False, help_text="Left out: every group that is firing.")


class AcknowledgedSerializer(serializers.Serializer[Any]):
    acknowledged = serializers.IntegerField(help_text="How many groups have an open incident.")
    until = serializers.DateTimeField()


class AcknowledgeView(IdsInPath, GenericAPIView[Any]):
    serializer_class = AcknowledgementSerializer
    filter_backends = ()

    @extend_schema(
        summary="Acknowledge what fires: no reminders until then, and one if it still fires then",
        responses=AcknowledgedSerializer,
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        actor = actor_of(request)
        rule = reach_rule(actor, alert_id, Scope.MANAGE)
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        until = timezone.now() + timedelta(minutes=asked.validated_data["minutes"])
        count = acknowledge(rule, group=asked.validated_data.get("group"), until=until, by=actor.label)
        return Response(AcknowledgedSerializer({"acknowledged": count, "until": until}).data)
