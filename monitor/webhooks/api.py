"""/v1/webhook-endpoints and /v1/webhook-deliveries."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of, key_mode_of
from monitor.api.errors import Conflict
from monitor.api.fields import StrictModelSerializer, TextField, TruthField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require, require_recent
from monitor.events.catalogue import API_VERSIONS
from monitor.lib.actors import Actor, Scope
from monitor.lib.masking import MASK
from monitor.models import Organization, WebhookEndpoint
from monitor.models.events import MAX_TYPE_CHARS
from monitor.models.keys import Mode
from monitor.models.webhooks import SignatureScheme
from monitor.services.api import NO_SUCH_ORGANIZATION, organization_for
from monitor.webhooks.again import (
    MOST_AT_A_TIME,
    CannotSend,
    failed_within,
    replay_failed,
    send_test,
    stop_replays,
)
from monitor.webhooks.deliveries import DeliverySerializer
from monitor.webhooks.endpoints import (
    DEFAULT_OVERLAP,
    LONGEST_OVERLAP,
    EndpointGone,
    change_endpoint,
    make_endpoint,
    remove_endpoint,
    rotate_secret,
)
from monitor.webhooks.fields import HeadersField, check_pattern
from monitor.webhooks.targets import TargetRefused, check_target

OTHER_SERVICE = "Webhook endpoints belong to the organization: a key of one service has no say in them."
NO_SUCH_ENDPOINT = "No such webhook endpoint."
MAX_EVENTS = 50
MAX_RATE = 60_000


class WebhookEndpointSerializer(StrictModelSerializer):
    organization = serializers.PrimaryKeyRelatedField(
        queryset=Organization.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_ORGANIZATION},
        help_text="Left out: the key's organization, your only one, or Default.",
    )
    enabled_events = serializers.ListField(
        child=TextField(max_length=MAX_TYPE_CHARS, validators=[check_pattern]),
        allow_empty=False,
        max_length=MAX_EVENTS,
        help_text="Types of events, as `alert.firing`; `alert.*` for all that begin so; `*` for all.",
    )
    mode = serializers.ChoiceField(
        choices=Mode.choices,
        required=False,
        help_text="Of which it hears. Left out: the key's, or live.",
    )
    rate_limit_per_minute = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_RATE, help_text="null: no limit."
    )
    headers = HeadersField(
        required=False, help_text="Sent with each delivery. Values are shown as a mask. At most 20."
    )
    api_version = serializers.ChoiceField(choices=API_VERSIONS, required=False)
    signature = serializers.ChoiceField(
        choices=SignatureScheme.choices,
        required=False,
        help_text="Of the secret that is made next: by this request, or by `rotate-secret`.",
    )
    public_key = serializers.CharField(
        read_only=True, help_text="Of signature v1a: what verifies deliveries. No secret."
    )
    is_active = TruthField(
        required=False,
        help_text="Off: nothing is sent. On again: what has waited can be sent again on demand.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = (
            "id",
            "organization",
            "url",
            "description",
            "enabled_events",
            "mode",
            "environment",
            "rate_limit_per_minute",
            "headers",
            "api_version",
            "signature",
            "is_active",
            "public_key",
            "disabled_at",
            "disabled_reason",
            "first_failure_at",
            "last_failure_at",
            "last_success_at",
            "failures_in_row",
            "last_error_class",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields[12:]

    def to_representation(self, endpoint: WebhookEndpoint) -> dict[str, Any]:
        shown = super().to_representation(endpoint)
        actor: Actor | None = self.context.get("actor")
        if actor is None or not actor.may(Scope.MANAGE, endpoint.organization_id):
            shown["url"] = endpoint.shown_url
        return shown

    def validate_enabled_events(self, patterns: list[str]) -> list[str]:
        return sorted(set(patterns))

    def validate_url(self, url: str) -> str:
        if MASK in url:
            raise ValidationError("This holds a mask. Send the URL itself, or leave it out.")
        try:
            check_target(url, mode=self.mode_meant())
        except TargetRefused as refused:
            raise ValidationError(str(refused), code="target_blocked") from None
        return url

    def mode_meant(self) -> str:
        """The endpoint's own; as asked for; else the key's."""
        if self.instance is not None:
            return str(self.instance.mode)
        return str(self.initial_data.get("mode") or self.context.get("mode", Mode.LIVE))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("mode", "organization"):
            if self.instance is not None and name in attrs and attrs[name] != getattr(self.instance, name):
                raise ValidationError({name: "This stays as it was made. Make another endpoint."})
        return {**attrs, "mode": self.mode_meant()}


class NewWebhookEndpointSerializer(WebhookEndpointSerializer):
    """The one answer that holds the secret."""

    secret = serializers.CharField(
        read_only=True, help_text="Verifies deliveries. Shown this once; of v1a, the public key."
    )

    class Meta(WebhookEndpointSerializer.Meta):
        fields = (*WebhookEndpointSerializer.Meta.fields, "secret")  # type: ignore[assignment] # one field more


def reach_endpoint(actor: Actor, endpoint_id: UUID, scope: Scope) -> WebhookEndpoint:
    """The endpoint, when the actor may do this to it.

    404 beyond the actor's organizations; 403 without the scope, and for a key of one service.
    """
    reachable = WebhookEndpoint.objects.alive().filter(organization__in=list(actor.grants))
    endpoint = reachable.filter(id=endpoint_id).first()
    if endpoint is None:
        raise Http404(NO_SUCH_ENDPOINT)
    if actor.service_id is not None:
        raise PermissionDenied(OTHER_SERVICE, code="other_service")
    require(actor, scope, endpoint.organization_id)
    return endpoint


class EndpointsView(GenericAPIView[WebhookEndpoint]):
    serializer_class = WebhookEndpointSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = WebhookEndpoint.objects.none()

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        return WebhookEndpoint.objects.visible_to(actor_of(self.request)).alive().order_by("-id")

    @extend_schema(
        summary="List webhook endpoints, newest first", responses=WebhookEndpointSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        context = {"actor": actor_of(request)}
        return self.get_paginated_response(WebhookEndpointSerializer(page, many=True, context=context).data)

    @extend_schema(
        summary="Make a webhook endpoint; its secret is in this answer and never shown again",
        request=WebhookEndpointSerializer,
        responses={201: NewWebhookEndpointSerializer},
    )
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        if actor.service_id is not None:
            raise PermissionDenied(OTHER_SERVICE, code="other_service")
        mode = key_mode_of(request) or Mode.LIVE
        form = WebhookEndpointSerializer(data=request.data, context={"mode": mode, "actor": actor})
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        require_recent(request)
        is_active, now = fields.pop("is_active", True), timezone.now()
        fields["organization"] = organization_for(actor, fields.pop("organization", None))
        endpoint, secret = make_endpoint(now=now, **fields)
        if not is_active:
            endpoint = change_endpoint(endpoint, is_active=False, now=now)
        endpoint.secret = secret  # type: ignore[attr-defined] # for this answer only
        answer = NewWebhookEndpointSerializer(endpoint, context={"actor": actor})
        return Response(answer.data, status=201)


class EndpointView(IdsInPath, APIView):
    @extend_schema(summary="Get a webhook endpoint and how it does", responses=WebhookEndpointSerializer)
    def get(self, request: Request, webhook_id: UUID) -> Response:
        actor = actor_of(request)
        endpoint = reach_endpoint(actor, webhook_id, Scope.READ)
        return Response(WebhookEndpointSerializer(endpoint, context={"actor": actor}).data)

    @extend_schema(
        summary="Change a webhook endpoint, or switch it on or off",
        description="`headers` replaces all of them. `mode` and `organization` stay as they were made.",
        request=WebhookEndpointSerializer(partial=True),
        responses=WebhookEndpointSerializer,
    )
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        actor = actor_of(request)
        endpoint = reach_endpoint(actor, webhook_id, Scope.MANAGE)
        form = WebhookEndpointSerializer(endpoint, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        fields = {
            name: value for name, value in form.validated_data.items() if name not in ("mode", "organization")
        }
        endpoint = there(lambda: change_endpoint(endpoint, now=timezone.now(), **fields))
        return Response(WebhookEndpointSerializer(endpoint, context={"actor": actor}).data)

    @extend_schema(summary="Remove a webhook endpoint; what waits for it is cancelled", responses={204: None})
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        endpoint = reach_endpoint(actor_of(request), webhook_id, Scope.MANAGE)
        there(lambda: remove_endpoint(endpoint, now=timezone.now()))
        return Response(status=204)


def there(act: Any) -> Any:
    """What `act` gives; 404 where the endpoint was removed meanwhile, 409 where nothing can be sent to it."""
    try:
        return act()
    except EndpointGone:
        raise Http404(NO_SUCH_ENDPOINT) from None
    except CannotSend as refused:
        raise Conflict("is_active", str(refused)) from None


class RotationSerializer(serializers.Serializer[Any]):
    """How long the old secret signs beside the new one."""

    overlap_hours = serializers.IntegerField(
        default=DEFAULT_OVERLAP // timedelta(hours=1),
        min_value=0,
        max_value=LONGEST_OVERLAP // timedelta(hours=1),
        help_text="0: the old one stops at once, as when it has leaked.",
    )


class RotatedSerializer(serializers.Serializer[Any]):
    """The new secret, shown this once; of signature v1a, the new public key."""

    secret = serializers.CharField()
    old_secret_until = serializers.DateTimeField(allow_null=True)


class RotateSecretView(IdsInPath, APIView):
    @extend_schema(
        summary="Change the secret; both sign until the overlap ends",
        request=RotationSerializer,
        responses={201: RotatedSerializer},
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        endpoint = reach_endpoint(actor_of(request), webhook_id, Scope.MANAGE)
        form = RotationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        require_recent(request)
        overlap, now = timedelta(hours=form.validated_data["overlap_hours"]), timezone.now()
        secret = there(lambda: rotate_secret(endpoint, overlap=overlap, now=now))
        until = now + overlap if overlap else None
        return Response(RotatedSerializer({"secret": secret, "old_secret_until": until}).data, status=201)


class TestView(IdsInPath, APIView):
    limited_as = {"POST": "tests"}
    problems = {"POST": ("409",)}

    @extend_schema(
        summary="Send a test.ping to this endpoint alone",
        description="It is tried once. The answer is the delivery; ask for it again to see what came of it.",
        request=None,
        responses={202: DeliverySerializer},
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        actor = actor_of(request)
        endpoint = reach_endpoint(actor, webhook_id, Scope.MANAGE)
        delivery = there(lambda: send_test(endpoint, sent_by=actor.label, now=timezone.now()))
        return Response(DeliverySerializer(delivery).data, status=202)


class ReplaySerializer(serializers.Serializer[Any]):
    """Which failed deliveries to send again."""

    since = serializers.DateTimeField(help_text="Deliveries made from then on.")
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)
    dry_run = TruthField(required=False, default=False, help_text="Count them, and send nothing.")


class ReplayedSerializer(serializers.Serializer[Any]):
    """How many."""

    deliveries = serializers.IntegerField(help_text=f"At most {MOST_AT_A_TIME:,} of one call.")
    dry_run = serializers.BooleanField()


class ReplayFailedView(IdsInPath, APIView):
    scopes = {"POST": Scope.REPLAY}
    limited_as = {"POST": "replays"}
    problems = {"POST": ("409",)}

    @extend_schema(
        summary="Send again what failed since a moment",
        description="Each becomes a new delivery of the same event, with the same `webhook-id`. One that"
        " was sent again already is left out, so the same call may be repeated.",
        request=ReplaySerializer,
        responses={202: ReplayedSerializer},
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        endpoint = reach_endpoint(actor_of(request), webhook_id, Scope.REPLAY)
        form = ReplaySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        since, until, dry_run = fields["since"], fields["until"], fields["dry_run"]
        if dry_run:
            count = failed_within(endpoint.id, since=since, until=until)[:MOST_AT_A_TIME].count()
        else:
            count = there(lambda: replay_failed(endpoint, since=since, until=until, now=timezone.now()))
        return Response({"deliveries": count, "dry_run": dry_run}, status=202)


class StopReplaysView(IdsInPath, APIView):
    scopes = {"POST": Scope.REPLAY}

    @extend_schema(
        summary="Stop sending again what nobody is sending yet",
        request=None,
        responses={200: ReplayedSerializer},
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        endpoint = reach_endpoint(actor_of(request), webhook_id, Scope.REPLAY)
        count = stop_replays(endpoint, now=timezone.now())
        return Response({"deliveries": count, "dry_run": False})
