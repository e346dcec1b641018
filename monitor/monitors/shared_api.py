"""What monitors share: /v1/tags, /v1/proxies, and /v1/monitors/batch."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.fields import StrictModelSerializer, TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import scope_for
from monitor.lib.actors import Actor
from monitor.models import MonitorProxy, MonitorTag, Organization
from monitor.models.monitors import MAX_TAG_CHARACTERS
from monitor.monitors.batch import ACTIONS, MOST_IN_A_BATCH, do_to_many
from monitor.monitors.proxies import ProxyInUse, remove_proxy, save_proxy
from monitor.monitors.reach import NO_SUCH_ORGANIZATION, home_of, reach_owned, refuse_service_keys
from monitor.monitors.tags import TagTaken, carriers, remove_tag, rename_tag
from monitor.probing import BadConfig

TAKEN = "The organization has one of this name."


class BatchSerializer(serializers.Serializer[Any]):
    """One thing done to many monitors."""

    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_IN_A_BATCH)
    action = serializers.ChoiceField(choices=ACTIONS)
    changes = serializers.DictField(
        required=False,
        help_text="For change: fields of a monitor, config left out; or add_tags, remove_tags.",
    )


class BatchAnswerSerializer(serializers.Serializer[Any]):
    done = serializers.IntegerField()


class BatchView(APIView):
    problems = {"POST": ["404"]}

    @extend_schema(
        summary="Pause, resume, remove or change many monitors",
        description="All of them, or none when one cannot be reached.",
        request=BatchSerializer,
        responses=BatchAnswerSerializer,
        operation_id="monitors_batch",
    )
    def post(self, request: Request) -> Response:
        form = BatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        done = do_to_many(
            actor_of(request), asked["ids"], asked["action"], asked.get("changes") or {}, now=timezone.now()
        )
        return Response({"done": done})


class OwnedSerializer(StrictModelSerializer):
    """Something of an organization that its monitors share."""

    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None and attrs.pop("organization", self.instance.organization) != (
            self.instance.organization
        ):
            raise ValidationError({"organization": "It stays in its organization."})
        return attrs


class TagSerializer(OwnedSerializer):
    name = TextField(max_length=MAX_TAG_CHARACTERS)
    monitors = serializers.SerializerMethodField(help_text="How many carry it.")

    class Meta:
        model = MonitorTag
        fields = ("id", "organization", "name", "monitors", "created_at")
        read_only_fields = ("id", "created_at")
        # Whose it is may be left out; the database says what is there already.
        validators: tuple[()] = ()

    def get_monitors(self, tag: MonitorTag) -> int:
        counts: dict[UUID, int] = self.context.get("carriers") or carriers([tag])
        return counts.get(tag.id, 0)


class ProxySerializer(OwnedSerializer):
    name = TextField(max_length=128)
    url = TextField(max_length=512, help_text="http://host:port, socks5:// or socks5h://, without a login.")
    username = TextField(max_length=255, required=False, allow_blank=True)
    password = TextField(
        max_length=255, required=False, allow_blank=True, help_text="Shown masked; sent back so, it stays."
    )
    monitors = serializers.IntegerField(source="used_by", read_only=True, help_text="How many go through it.")

    class Meta:
        model = MonitorProxy
        fields = (
            "id",
            "organization",
            "name",
            "url",
            "username",
            "password",
            "monitors",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")
        validators: tuple[()] = ()


def tag_as_asked(actor: Actor, asked: dict[str, Any]) -> MonitorTag:
    """Raises ValidationError, PermissionDenied and Conflict."""
    refuse_service_keys(actor)
    home = home_of(actor, asked.pop("organization", None), None)
    try:
        with transaction.atomic():
            return MonitorTag.objects.create(organization=home, **asked)
    except IntegrityError:
        raise Conflict("name", TAKEN) from None


def renamed_as_asked(tag: MonitorTag, name: str) -> MonitorTag:
    """On all its monitors. Raises Conflict."""
    try:
        with transaction.atomic():
            return rename_tag(tag, name)
    except (TagTaken, IntegrityError):
        raise Conflict("name", TAKEN) from None


def proxy_as_asked(actor: Actor, proxy: MonitorProxy | None, asked: dict[str, Any]) -> MonitorProxy:
    """Made, or changed. Raises ValidationError, PermissionDenied and Conflict."""
    refuse_service_keys(actor)
    organization = asked.pop("organization", None)
    made = proxy or MonitorProxy(organization=home_of(actor, organization, None))
    try:
        with transaction.atomic():
            return save_proxy(made, asked, now=timezone.now())
    except IntegrityError:
        raise Conflict("name", TAKEN) from None
    except BadConfig as error:
        raise ValidationError({error.field: error.message}) from None


@extend_schema_view(
    list=extend_schema(summary="List the tags of monitors, newest first"),
    create=extend_schema(summary="Make a tag"),
    retrieve=extend_schema(summary="Get a tag"),
    partial_update=extend_schema(summary="Rename a tag, on its monitors too"),
    destroy=extend_schema(summary="Remove a tag, from its monitors too"),
)
class TagViewSet(IdsInPath, viewsets.ModelViewSet[MonitorTag]):
    serializer_class = TagSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    problems = {"POST": ["409"], "PATCH": ["409"]}
    queryset = MonitorTag.objects.none()

    def get_queryset(self) -> QuerySet[MonitorTag]:
        return MonitorTag.objects.filter(organization__in=actor_of(self.request).organizations()).order_by(
            "-id"
        )

    def get_object(self) -> MonitorTag:
        scope = scope_for(self, self.request.method or "GET")
        return reach_owned(MonitorTag.objects.all(), actor_of(self.request), self.kwargs["tag_id"], scope)

    def paginate_queryset(self, queryset: Any) -> Any:
        rows = super().paginate_queryset(queryset)
        self.counted = carriers(rows or [])
        return rows

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "carriers": getattr(self, "counted", None)}

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = tag_as_asked(actor_of(self.request), dict(serializer.validated_data))

    def perform_update(self, serializer: Any) -> None:
        renamed_as_asked(serializer.instance, serializer.validated_data.get("name", serializer.instance.name))

    def perform_destroy(self, instance: MonitorTag) -> None:
        remove_tag(instance)


@extend_schema_view(
    list=extend_schema(summary="List the proxies of monitors, newest first"),
    create=extend_schema(summary="Make a proxy that monitors can go through"),
    retrieve=extend_schema(summary="Get a proxy"),
    partial_update=extend_schema(summary="Change a proxy, for all monitors that go through it"),
    destroy=extend_schema(summary="Remove a proxy that no monitor goes through"),
)
class ProxyViewSet(IdsInPath, viewsets.ModelViewSet[MonitorProxy]):
    serializer_class = ProxySerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    problems = {"POST": ["409"], "PATCH": ["409"], "DELETE": ["409"]}
    queryset = MonitorProxy.objects.none()

    def get_queryset(self) -> QuerySet[MonitorProxy]:
        mine = MonitorProxy.objects.filter(organization__in=actor_of(self.request).organizations())
        return mine.annotate(used_by=Count("monitors")).order_by("-id")

    def get_object(self) -> MonitorProxy:
        scope = scope_for(self, self.request.method or "GET")
        counted = MonitorProxy.objects.annotate(used_by=Count("monitors"))
        return reach_owned(counted, actor_of(self.request), self.kwargs["proxy_id"], scope)

    def perform_create(self, serializer: Any) -> None:
        made = proxy_as_asked(actor_of(self.request), None, dict(serializer.validated_data))
        made.used_by = 0  # type: ignore[attr-defined] # as the lists count it
        serializer.instance = made

    def perform_update(self, serializer: Any) -> None:
        proxy_as_asked(actor_of(self.request), serializer.instance, dict(serializer.validated_data))

    def perform_destroy(self, instance: MonitorProxy) -> None:
        try:
            remove_proxy(instance)
        except ProxyInUse as error:
            raise Conflict("id", f"{error.monitors} monitors go through it.") from None
