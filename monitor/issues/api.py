"""/v1/issues."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.paths import IdsInPath
from monitor.api.permissions import require
from monitor.api.ranked import RankedPagination
from monitor.api.rows import LogRowSerializer
from monitor.issues.listing import Chosen, Order, consumers_of, in_order, over_time, read, samples_of
from monitor.issues.states import CHOSEN, change_state, reach_issue, reach_to_change
from monitor.lib.actors import Scope
from monitor.models import ErrorIssue
from monitor.models.issues import IssueKind, IssueState
from monitor.models.keys import Mode

HOURS_SHOWN = 24 * 7
MAX_MUTE_REQUESTS = 1_000_000_000


class IssueSerializer(serializers.ModelSerializer[ErrorIssue]):
    """Requests to one endpoint that failed in the same way."""

    service_id = serializers.UUIDField()
    endpoint_id = serializers.UUIDField(
        allow_null=True, help_text="Null for the one that stands for all beyond the service's cap."
    )
    method = serializers.CharField(source="endpoint.method", default="")
    route = serializers.CharField(source="endpoint.route", default="")
    message = serializers.CharField(
        help_text="Without numbers, ids, quoted values, times and addresses: `Order {id} is not payable`."
    )
    field = serializers.CharField(
        help_text="The field that a validation error names, `items[].price`; else empty."
    )
    consumers = serializers.IntegerField(help_text="Distinct ones among the requests that named theirs.")
    muted_until_requests = serializers.IntegerField(
        allow_null=True, help_text="The count at which it opens again; null: until somebody opens it."
    )

    is_reported = serializers.BooleanField(
        help_text="Whether a client counted it and no log tells of it: it has no samples then."
    )

    class Meta:
        model = ErrorIssue
        fields = (
            "id",
            "service_id",
            "endpoint_id",
            "method",
            "route",
            "mode",
            "kind",
            "field",
            "message",
            "fingerprint",
            "is_reported",
            "requests",
            "consumers",
            "first_seen_at",
            "last_seen_at",
            "state",
            "state_changed_at",
            "state_changed_by",
            "muted_until_requests",
        )


class IssueHourSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    requests = serializers.IntegerField()


class AffectedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="consumer_id")
    identifier = serializers.CharField(source="consumer.identifier")
    name = serializers.CharField(source="consumer.name")
    requests = serializers.IntegerField()
    last_seen_at = serializers.DateTimeField()


class IssueDetailSerializer(IssueSerializer):
    hours = IssueHourSerializer(many=True, read_only=True, help_text="The last seven days, hour by hour.")
    top_consumers = AffectedSerializer(many=True, read_only=True)
    samples = LogRowSerializer(many=True, read_only=True, help_text="Its newest logs that are still kept.")

    class Meta(IssueSerializer.Meta):
        fields = (*IssueSerializer.Meta.fields, "hours", "top_consumers", "samples")  # type: ignore[assignment]


class ChangedIssueSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=CHOSEN)
    mute_requests = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=MAX_MUTE_REQUESTS,
        help_text="With `muted`: after how many more requests it opens again. Left out: never by itself.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["mute_requests"] is not None and attrs["state"] != IssueState.MUTED:
            raise serializers.ValidationError({"mute_requests": "Only with the state 'muted'."})
        return attrs


class AskedSerializer(serializers.Serializer[Any]):
    """Which issues, and in which order."""

    state = serializers.CharField(required=False, default="")
    service_id = serializers.UUIDField(required=False)
    endpoint_id = serializers.UUIDField(required=False)
    consumer_id = serializers.UUIDField(required=False, default=None)
    kind = serializers.ChoiceField(choices=IssueKind.choices, required=False)
    mode = serializers.ChoiceField(choices=Mode.choices, required=False)
    text = serializers.CharField(max_length=128, required=False, default="")
    sort = serializers.ChoiceField(choices=[each.value for each in Order], default=Order.LAST_SEEN.value)

    def validate_state(self, text: str) -> list[str]:
        states = [word.strip() for word in text.split(",") if word.strip()]
        if not set(states) <= set(IssueState.values):
            raise serializers.ValidationError(f"Must be some of {', '.join(IssueState.values)}, with commas.")
        return states

    @property
    def chosen(self) -> Chosen:
        asked = dict(self.validated_data)
        asked.pop("sort")
        return Chosen(
            states=asked.pop("state") or (),
            text=asked.pop("text"),
            consumer_id=asked.pop("consumer_id"),
            fields=asked,
        )


def detail_of(issue: ErrorIssue) -> Any:
    hour = timedelta(hours=1)
    hours = over_time([issue], now=timezone.now(), steps=HOURS_SHOWN, step=hour)[issue.id]
    return {
        **IssueSerializer(issue).data,
        "hours": IssueHourSerializer(hours, many=True).data,
        "top_consumers": AffectedSerializer(consumers_of(issue), many=True).data,
        "samples": LogRowSerializer(samples_of(issue), many=True).data,
    }


class IssuesView(GenericAPIView[ErrorIssue]):
    serializer_class = IssueSerializer
    pagination_class = RankedPagination
    filter_backends = ()
    queryset = ErrorIssue.objects.none()

    @extend_schema(
        summary="List error issues",
        description="Failed requests and validation errors, grouped by endpoint, field and message. What"
        " arrives shows within half a minute.",
        responses=IssueSerializer(many=True),
        parameters=[
            OpenApiParameter(
                "state", OpenApiTypes.STR, description=f"Some of {', '.join(IssueState.values)}, with commas."
            ),
            OpenApiParameter("service_id", OpenApiTypes.UUID),
            OpenApiParameter("endpoint_id", OpenApiTypes.UUID),
            OpenApiParameter("consumer_id", OpenApiTypes.UUID, description="Those that this one met."),
            OpenApiParameter("kind", OpenApiTypes.STR, enum=IssueKind.values),
            OpenApiParameter("mode", OpenApiTypes.STR, enum=Mode.values),
            OpenApiParameter(
                "text", {"type": "string", "maxLength": 128}, description="A part of message or field."
            ),
            OpenApiParameter(
                "sort", OpenApiTypes.STR, enum=[each.value for each in Order], default="last_seen"
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        asked = AskedSerializer(data={name: word for name, word in request.query_params.items() if word})
        asked.is_valid(raise_exception=True)
        issues = asked.chosen.of(ErrorIssue.objects.visible_to(actor_of(request)))
        places = in_order(issues, Order(asked.validated_data["sort"]))
        page = read(self.paginate_queryset(places) or [])
        return self.get_paginated_response(IssueSerializer(page, many=True).data)


class MayTriage(BasePermission):
    """Reading needs `read`. A state is changed by members, who read, and by keys that manage."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = actor_of(request)
        if request.method != "PATCH" or not actor.may(Scope.MANAGE):
            require(actor, Scope.READ)
        return True


class IssueView(IdsInPath, APIView):
    permission_classes = (MayTriage,)

    @extend_schema(summary="Get an error issue with samples", responses=IssueDetailSerializer)
    def get(self, request: Request, issue_id: UUID) -> Response:
        return Response(detail_of(reach_issue(actor_of(request), issue_id)))

    @extend_schema(
        summary="Acknowledge, resolve, mute or open an issue",
        description="A resolved issue becomes `regressed` when a request fails that way after that.",
        request=ChangedIssueSerializer,
        responses=IssueSerializer,
    )
    def patch(self, request: Request, issue_id: UUID) -> Response:
        actor = actor_of(request)
        issue = reach_to_change(actor, issue_id)
        form = ChangedIssueSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed = change_state(issue.id, by=actor.label, now=timezone.now(), **form.validated_data)
        return Response(IssueSerializer(changed).data)
