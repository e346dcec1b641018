"""/v1/notification-channels."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.fields import StrictModelSerializer, TextField, TruthField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require
from monitor.channels.config import filled, target_of
from monitor.channels.deliveries import OTHER_SERVICE, NotificationDeliverySerializer
from monitor.channels.register import (
    CannotSend,
    ChannelGone,
    change_channel,
    make_channel,
    remove_channel,
    send_test,
)
from monitor.channels.registry import all_kinds, kind_named
from monitor.lib.actors import Actor, Scope
from monitor.lib.options import BadConfig
from monitor.models import NotificationChannel, Organization, Service
from monitor.models.alerts import Severity
from monitor.models.channels import CHOSEN
from monitor.services.api import NO_SUCH_ORGANIZATION, organization_for

NO_SUCH_CHANNEL = "No such notification channel."
KINDS = [(kind.name, kind.words) for kind in all_kinds()]
SUBJECTS = [(subject.value, subject.label) for subject in CHOSEN]
MOST_NAMED = 100


@extend_schema_field(OpenApiTypes.OBJECT)
class OptionsField(serializers.DictField):
    """The kind's options. Secrets are shown masked; a masked value that is sent back keeps its secret."""


class NotificationChannelSerializer(StrictModelSerializer):
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )
    kind = serializers.ChoiceField(choices=KINDS)
    config = OptionsField(required=False, help_text="See docs/channels.md for the options of each kind.")
    target = serializers.SerializerMethodField(help_text="Where it goes, without secrets.")
    is_active = TruthField(required=False, help_text="Off: what waits for it is called off.")
    is_default = TruthField(
        required=False,
        help_text="Is told what no other channel takes; one of an organization. The first is, when left out.",
    )
    services = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MOST_NAMED,
        help_text="Is told of these services alone. Empty: of all, and of what is of none.",
    )
    severities = serializers.ListField(
        child=serializers.ChoiceField(choices=Severity.choices), required=False, max_length=3
    )
    environments = serializers.ListField(
        child=TextField(max_length=64), required=False, max_length=MOST_NAMED
    )
    subjects = serializers.ListField(
        child=serializers.ChoiceField(choices=SUBJECTS), required=False, max_length=len(SUBJECTS)
    )
    quiet_from = serializers.TimeField(required=False, allow_null=True, help_text="As 22:00.")
    quiet_until = serializers.TimeField(
        required=False, allow_null=True, help_text="Before `quiet_from`: over midnight."
    )
    quiet_zone = TextField(required=False, max_length=64, help_text="As Europe/Berlin. UTC when left out.")
    quiet_days = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        required=False,
        max_length=7,
        help_text="Days that are quiet all day long; 0 is Monday.",
    )
    critical_wakes = TruthField(required=False, help_text="What is critical is told in quiet hours too.")

    class Meta:
        model = NotificationChannel
        fields = (
            "id",
            "organization",
            "kind",
            "name",
            "config",
            "target",
            "is_active",
            "is_default",
            "services",
            "severities",
            "environments",
            "subjects",
            "quiet_from",
            "quiet_until",
            "quiet_zone",
            "quiet_days",
            "critical_wakes",
            "first_failure_at",
            "last_failure_at",
            "last_success_at",
            "failures_in_row",
            "last_error",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", *fields[17:])
        # DRF would ask for an organization and a default wherever there is one default an organization.
        validators: list[Any] = []

    @extend_schema_field(OpenApiTypes.STR)
    def get_target(self, channel: NotificationChannel) -> str:
        return target_of(channel)

    def validate_quiet_zone(self, name: str) -> str:
        if name not in available_timezones():
            raise ValidationError("A zone as Europe/Berlin or UTC.")
        return name

    def validate_quiet_days(self, days: list[int]) -> list[int]:
        return sorted(set(days))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            if attrs.pop("organization", self.instance.organization) != self.instance.organization:
                raise ValidationError({"organization": "A channel stays in its organization."})
            if attrs.pop("kind", self.instance.kind) != self.instance.kind:
                raise ValidationError({"kind": "A channel stays of its kind: make another one."})
        start, end = (self.meant(attrs, name) for name in ("quiet_from", "quiet_until"))
        if (start is None) != (end is None):
            missing = "quiet_from" if start is None else "quiet_until"
            raise ValidationError({missing: "Quiet hours begin and end."})
        self.check_config(attrs)
        return attrs

    def meant(self, attrs: dict[str, Any], name: str) -> Any:
        return attrs[name] if name in attrs else getattr(self.instance, name, None)

    def check_config(self, attrs: dict[str, Any]) -> None:
        """What the kind says of its options, at its field."""
        if self.instance is None:
            attrs.setdefault("config", {})
        if "config" not in attrs:
            return
        try:
            kind = kind_named(attrs["kind"] if self.instance is None else self.instance.kind)
            config = attrs["config"]
            if self.instance is None and kind.made is not None and not config.get(kind.made[0]):
                # It is made with the channel; here only the rest of the options is judged.
                config = {**config, kind.made[0]: kind.made[1]()}
            filled(config, kind=kind, channel=self.instance)
        except BadConfig as error:
            raise as_invalid(error) from None


def as_invalid(error: BadConfig) -> ValidationError:
    return ValidationError({"config": {error.field: error.message} if error.field else error.message})


class NewNotificationChannelSerializer(NotificationChannelSerializer):
    """The one answer that holds a secret that was made for the channel."""

    secret = serializers.CharField(
        read_only=True, help_text="Signs what a webhook is sent, when it was made here. Shown this once."
    )

    class Meta(NotificationChannelSerializer.Meta):
        fields = (*NotificationChannelSerializer.Meta.fields, "secret")  # type: ignore[assignment] # one field more


def reach_channel(actor: Actor, channel_id: UUID, scope: Scope) -> NotificationChannel:
    """The channel, when the actor may do this to it.

    404 beyond the actor's organizations; 403 without the scope, and for a key of one service.
    """
    reachable = NotificationChannel.objects.filter(organization__in=list(actor.grants))
    channel = reachable.filter(id=channel_id).first()
    if channel is None:
        raise Http404(NO_SUCH_CHANNEL)
    if actor.service_id is not None:
        raise PermissionDenied(OTHER_SERVICE, code="other_service")
    require(actor, scope, channel.organization_id)
    return channel


def check_services(ids: Iterable[UUID], *, organization_id: UUID) -> None:
    """Raises ValidationError for services that are not the organization's."""
    asked = set(ids)
    if len(asked) != Service.objects.alive().filter(organization=organization_id, id__in=asked).count():
        raise ValidationError({"services": "No such service."}, code="does_not_exist")


def make_from(actor: Actor, fields: dict[str, Any]) -> tuple[NotificationChannel, str]:
    """The channel of valid fields, and the secret that was made for it. Raises ValidationError."""
    config, is_default = fields.pop("config"), fields.pop("is_default", None)
    organization = organization_for(actor, fields.pop("organization", None))
    check_services(fields.get("services", ()), organization_id=organization.id)
    try:
        return make_channel(
            NotificationChannel(organization=organization, **fields), config, is_default=is_default
        )
    except BadConfig as error:
        raise as_invalid(error) from None


def change_by(channel: NotificationChannel, fields: dict[str, Any]) -> NotificationChannel:
    """The channel with these valid fields. Raises ValidationError and ChannelGone."""
    config = fields.pop("config", None)
    check_services(fields.get("services", ()), organization_id=channel.organization_id)
    try:
        return change_channel(channel, fields, config, now=timezone.now())
    except BadConfig as error:
        raise as_invalid(error) from None


class NotificationChannelsView(GenericAPIView[NotificationChannel]):
    serializer_class = NotificationChannelSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = NotificationChannel.objects.none()

    def get_queryset(self) -> QuerySet[NotificationChannel]:
        return NotificationChannel.objects.visible_to(actor_of(self.request)).order_by("-id")

    @extend_schema(
        summary="List notification channels, newest first",
        responses=NotificationChannelSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(NotificationChannelSerializer(page, many=True).data)

    @extend_schema(
        summary="Make a notification channel",
        description="Secrets among its options are sealed, and never shown again.",
        request=NotificationChannelSerializer,
        responses={201: NewNotificationChannelSerializer},
    )
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        if actor.service_id is not None:
            raise PermissionDenied(OTHER_SERVICE, code="other_service")
        form = NotificationChannelSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        channel, secret = make_from(actor, form.validated_data)
        channel.secret = secret  # type: ignore[attr-defined] # for this answer only
        return Response(NewNotificationChannelSerializer(channel).data, status=201)


class NotificationChannelView(IdsInPath, APIView):
    @extend_schema(
        summary="Get a notification channel and how it does", responses=NotificationChannelSerializer
    )
    def get(self, request: Request, channel_id: UUID) -> Response:
        channel = reach_channel(actor_of(request), channel_id, Scope.READ)
        return Response(NotificationChannelSerializer(channel).data)

    @extend_schema(
        summary="Change a notification channel, or switch it on or off",
        description="`config` replaces all options; what is sent as it was shown, masked, keeps its secret.",
        request=NotificationChannelSerializer(partial=True),
        responses=NotificationChannelSerializer,
    )
    def patch(self, request: Request, channel_id: UUID) -> Response:
        channel = reach_channel(actor_of(request), channel_id, Scope.MANAGE)
        form = NotificationChannelSerializer(channel, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = there(lambda: change_by(channel, form.validated_data))
        return Response(NotificationChannelSerializer(changed).data)

    @extend_schema(summary="Remove a notification channel with its log", responses={204: None})
    def delete(self, request: Request, channel_id: UUID) -> Response:
        remove_channel(reach_channel(actor_of(request), channel_id, Scope.MANAGE))
        return Response(status=204)


def there(act: Any) -> Any:
    """What `act` gives; 404 where the channel was removed meanwhile, 409 where nothing can be sent to it."""
    try:
        return act()
    except ChannelGone:
        raise Http404(NO_SUCH_CHANNEL) from None
    except CannotSend as refused:
        raise Conflict("is_active", str(refused)) from None


class TestChannelView(IdsInPath, APIView):
    problems = {"POST": ("409",)}

    @extend_schema(
        summary="Send a test to this channel alone",
        description="It is tried once. The answer is the delivery; ask for it again to see what came of it.",
        request=None,
        responses={202: NotificationDeliverySerializer},
    )
    def post(self, request: Request, channel_id: UUID) -> Response:
        actor = actor_of(request)
        channel = reach_channel(actor, channel_id, Scope.MANAGE)
        delivery = there(lambda: send_test(channel, sent_by=actor.label, now=timezone.now()))
        return Response(NotificationDeliverySerializer(delivery).data, status=202)
