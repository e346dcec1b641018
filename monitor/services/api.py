"""/v1/services and the keys of each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.access import issue_key, revoke_key
from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.fields import StrictModelSerializer, TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import reach_service, require, require_recent, scope_for
from monitor.api.versions import NAMES as API_VERSION_NAMES
from monitor.lib.actors import Actor, Scope
from monitor.lib.outbound import UnusableUrl, origin_of
from monitor.models import ApiKey, Instance, Organization, Service
from monitor.models.keys import KeyKind, Mode, default_scopes
from monitor.models.limits import MAX_A_MINUTE
from monitor.models.retention import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS
from monitor.services.register import NameTaken, change_service, register_service, remove_service


def check_url(value: str) -> None:
    """Raises ValidationError for anything a replay could not be sent to."""
    try:
        origin_of(value)
    except UnusableUrl as error:
        raise ValidationError(str(error)) from None


class RetentionField(serializers.IntegerField):
    """Days, or null for what holds otherwise."""

    def __init__(self, **options: Any) -> None:
        limits = {"min_value": MIN_RETENTION_DAYS, "max_value": MAX_RETENTION_DAYS}
        super().__init__(**{"required": False, "allow_null": True, **limits, **options})


# Said alike of what is not there and of what is not the caller's: nobody can ask which ones there are.
NO_SUCH_ORGANIZATION = "No such organization."


class ServiceSerializer(StrictModelSerializer):
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )
    base_url = TextField(
        max_length=2048, required=False, allow_blank=True, validators=[check_url], help_text="http or https."
    )
    replay_origins = serializers.ListField(
        child=TextField(max_length=300, validators=[check_url]),
        required=False,
        max_length=50,
        help_text="Origins that replays may go to, beside the base URL's own.",
    )
    retention_days = RetentionField(
        help_text="Days that logs are kept. null: as the organization says, else as the installation is set."
    )
    error_retention_days = RetentionField(
        help_text="Days that requests which failed are kept, at least as long as other logs. null: as long."
    )

    class Meta:
        model = Service
        fields = (
            "id",
            "organization",
            "name",
            "description",
            "base_url",
            "keep_bodies",
            "replay_origins",
            "retention_days",
            "error_retention_days",
            "created_at",
        )
        read_only_fields = ("id", "created_at")
        # The promise that names are unique answers 409, not 400.
        validators: list[Any] = []

    def validate_replay_origins(self, values: list[str]) -> list[str]:
        return [origin_of(value) for value in values]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        both = ("retention_days", "error_retention_days")
        days, error_days = (attrs.get(name, getattr(self.instance, name, None)) for name in both)
        organization = getattr(self.instance, "organization", None) or attrs.get("organization")
        least = days or getattr(organization, "retention_days", None) or settings.RETENTION_DAYS
        if error_days is not None and error_days < least and any(name in attrs for name in both):
            raise ValidationError(
                {"error_retention_days": f"Errors are kept at least as long as other logs: {least} days."}
            )
        return attrs

    def validate_organization(self, organization: Organization) -> Organization:
        if self.instance is not None and organization.pk != self.instance.organization_id:
            raise ValidationError("A service stays in its organization.")
        return organization


def organization_for(actor: Actor, asked: Organization | None) -> Organization:
    """Where a new service goes: as asked, else the actor's only organization, else Default."""
    if actor.service_id is not None:
        raise PermissionDenied("A key of one service cannot register others.", code="other_service")
    mine = actor.organizations(Scope.MANAGE)
    if asked is not None:
        if asked.id not in actor.grants:
            raise ValidationError({"organization": NO_SUCH_ORGANIZATION}, code="does_not_exist")
        require(actor, Scope.MANAGE, asked.id)
        return asked
    if len(mine) == 1:
        return Organization.objects.get(id=mine[0])
    default = Organization.objects.default()
    if default.id not in mine:
        raise ValidationError({"organization": "You manage several organizations: name one."})
    return default


@extend_schema_view(
    list=extend_schema(summary="List services"),
    create=extend_schema(summary="Register a service"),
    retrieve=extend_schema(summary="Get a service"),
    partial_update=extend_schema(summary="Change a service"),
    destroy=extend_schema(summary="Remove a service with its keys, logs, alerts and replays"),
)
class ServiceViewSet(IdsInPath, viewsets.ModelViewSet[Service]):
    problems = {"POST": ["409"], "PATCH": ["409"]}
    serializer_class = ServiceSerializer
    pagination_class = KeysetPagination
    queryset = Service.objects.none()

    def get_queryset(self) -> QuerySet[Service]:
        return Service.objects.visible_to(actor_of(self.request)).order_by("-id")

    def get_object(self) -> Service:
        scope = scope_for(self, self.request.method or "GET")
        return reach_service(actor_of(self.request), self.kwargs["service_id"], scope)

    def perform_create(self, serializer: Any) -> None:
        fields = serializer.validated_data
        fields["organization"] = organization_for(actor_of(self.request), fields.pop("organization", None))
        try:
            serializer.instance = register_service(**fields)
        except NameTaken as taken:
            raise Conflict("name", str(taken)) from None

    def perform_update(self, serializer: Any) -> None:
        fields = {name: value for name, value in serializer.validated_data.items() if name != "organization"}
        try:
            change_service(serializer.instance, **fields)
        except NameTaken as taken:
            raise Conflict("name", str(taken)) from None

    def perform_destroy(self, instance: Service) -> None:
        remove_service(instance, now=timezone.now())


class PerMinuteField(serializers.IntegerField):
    """A limit, or null for what holds otherwise."""

    def __init__(self, **options: Any) -> None:
        limits = {"min_value": 1, "max_value": MAX_A_MINUTE}
        super().__init__(**{"required": False, "allow_null": True, **limits, **options})


class KeySerializer(StrictModelSerializer):
    service_id = serializers.UUIDField(read_only=True)
    key_prefix = serializers.CharField(source="prefix", read_only=True)
    is_active = serializers.SerializerMethodField()
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[scope.value for scope in Scope]),
        default=default_scopes,
        allow_empty=False,
    )
    mode = serializers.ChoiceField(choices=Mode.choices, default=Mode.LIVE)
    kind = serializers.ChoiceField(
        choices=KeyKind.choices,
        default=KeyKind.OWN,
        help_text="`client_id` and `token` have the form that Apitally's clients 0.x and 1.x insist on; "
        "their only scope is `ingest`.",
    )
    api_version = serializers.ChoiceField(
        choices=API_VERSION_NAMES,
        required=False,
        allow_blank=True,
        help_text="Answers are in this version where a request names none; empty: the newest.",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    requests_per_minute = PerMinuteField(
        help_text="Calls of the API with this key. null: as the plan or the installation is set."
    )
    logs_per_minute = PerMinuteField(
        help_text="Logs that come with this key. null: no limit beside the organization's."
    )

    class Meta:
        model = ApiKey
        fields = (
            "id",
            "service_id",
            "name",
            "key_prefix",
            "scopes",
            "mode",
            "kind",
            "api_version",
            "is_active",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "requests_per_minute",
            "logs_per_minute",
        )
        read_only_fields = ("id", "created_at", "revoked_at", "last_used_at")

    def get_is_active(self, key: ApiKey) -> bool:
        return key.is_active(timezone.now())

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= timezone.now():
            raise ValidationError("Must lie in the future.")
        return moment

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] != KeyKind.OWN:
            attrs["scopes"] = [Scope.INGEST.value]
        return attrs

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        return sorted(set(scopes))


class KeyLimitsSerializer(serializers.Serializer[Any]):
    """What can be changed of a key; all else is what it was made as."""

    requests_per_minute = PerMinuteField()
    logs_per_minute = PerMinuteField()


class NewKeySerializer(KeySerializer):
    """The one answer that holds the key itself."""

    raw_key = serializers.CharField(read_only=True)

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "raw_key")  # type: ignore[assignment] # one field more


def check_scopes_given(actor: Actor, scopes: Sequence[str], service: Service) -> None:
    """Raises PermissionDenied when a key would be allowed more than who makes it."""
    for scope in scopes:
        if scope != Scope.INGEST:
            require(actor, Scope(scope), service.organization_id)


class KeyListView(IdsInPath, mixins.ListModelMixin, viewsets.GenericViewSet[ApiKey]):
    serializer_class = KeySerializer
    pagination_class = KeysetPagination

    def service(self) -> Service:
        scope = scope_for(self, self.request.method or "GET")
        return reach_service(actor_of(self.request), self.kwargs["service_id"], scope)

    def get_queryset(self) -> QuerySet[ApiKey]:
        if getattr(self, "swagger_fake_view", False):
            return ApiKey.objects.none()
        return ApiKey.objects.filter(service=self.service()).order_by("-id")

    @extend_schema(summary="List a service's keys, without the keys themselves")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(
        summary="Make a key; it is shown in this answer and never again", responses={201: NewKeySerializer}
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        service = self.service()
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        actor = actor_of(request)
        check_scopes_given(actor, form.validated_data["scopes"], service)
        require_recent(request)
        key, raw = issue_key(
            organization=service.organization,
            service=service,
            created_by_id=actor.user_id,
            **form.validated_data,
        )
        key.raw_key = raw  # type: ignore[attr-defined] # for this answer only
        return Response(NewKeySerializer(key).data, status=201)


class KeyView(IdsInPath, APIView):
    @extend_schema(
        summary="Change the limits of a key",
        description="A field that is left out stays. Limits of the organization hold besides.",
        request=KeyLimitsSerializer,
        responses=KeySerializer,
    )
    def patch(self, request: Request, service_id: UUID, key_id: UUID) -> Response:
        service = reach_service(actor_of(request), service_id, Scope.MANAGE)
        key = get_object_or_404(ApiKey, id=key_id, service=service)
        form = KeyLimitsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        for name, value in form.validated_data.items():
            setattr(key, name, value)
        if form.validated_data:
            key.save(update_fields=list(form.validated_data))
        return Response(KeySerializer(key).data)

    @extend_schema(summary="Revoke a key", responses={204: None})
    def delete(self, request: Request, service_id: UUID, key_id: UUID) -> Response:
        service = reach_service(actor_of(request), service_id, Scope.MANAGE)
        key = get_object_or_404(ApiKey, id=key_id, service=service)
        revoke_key(key, now=timezone.now())
        return Response(status=204)


class InstanceSerializer(StrictModelSerializer):
    is_silent = serializers.SerializerMethodField(help_text="Whether it was not heard of for 3 minutes.")
    cpu_percent = serializers.FloatField(
        allow_null=True, help_text="As the client tells it: of one processor, or of all of them."
    )

    class Meta:
        model = Instance
        fields = (
            "id",
            "environment",
            "mode",
            "name",
            "client",
            "versions",
            "first_seen_at",
            "last_seen_at",
            "started_at",
            "cpu_percent",
            "memory_bytes",
            "is_silent",
        )
        read_only_fields = fields

    def get_is_silent(self, instance: Instance) -> bool:
        return instance.is_silent(timezone.now())


class InstanceListView(IdsInPath, mixins.ListModelMixin, viewsets.GenericViewSet[Instance]):
    serializer_class = InstanceSerializer
    pagination_class = KeysetPagination

    def get_queryset(self) -> QuerySet[Instance]:
        if getattr(self, "swagger_fake_view", False):
            return Instance.objects.none()
        service = reach_service(actor_of(self.request), self.kwargs["service_id"], Scope.READ)
        return Instance.objects.filter(service=service).order_by("-id")

    @extend_schema(
        summary="List a service's instances",
        description="Processes that report with a client, newest first, until 30 days after their last word.",
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)
