"""/v1/alerts and the events of each."""

from typing import Any
from uuid import UUID

import django_filters
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.alerts.definitions import DEFAULTS, problems_of
from monitor.alerts.ending import remove_rule
from monitor.alerts.states import begin_anew, state_of, with_states
from monitor.api.authentication import actor_of
from monitor.api.fields import StrictModelSerializer, TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import check_service, reach_service, scope_for
from monitor.lib.actors import Actor, Scope
from monitor.models import AlertEvaluation, AlertEvent, AlertGroup, AlertRule, Endpoint
from monitor.models.alert_groups import GroupState
from monitor.models.alerts import RuleKind

HYGIENE = ("severity", "runbook_url", "notes", "cooldown_s", "remind_s")
MAX_REST_S = 7 * 24 * 3600
RATES = "Rates and shares in per cent, latencies in milliseconds."


class AlertRuleSerializer(StrictModelSerializer):
    """A rule of kind `log` has a condition; the others have what their kind speaks of."""

    service_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=RuleKind.choices, default=RuleKind.LOG)
    endpoint_id = serializers.UUIDField(required=False, allow_null=True)
    threshold = serializers.FloatField(required=False, allow_null=True, help_text=RATES)
    window_s = serializers.IntegerField(
        required=False, allow_null=True, help_text="Whole minutes, from 60 to 86400 seconds."
    )
    target = serializers.FloatField(
        required=False, allow_null=True, help_text="Of kind `slo`: per cent of the requests, 50 to 99.999."
    )
    deviations = serializers.FloatField(
        required=False, help_text="Of kind `baseline`: 1 to 20; how far out of the usual it fires."
    )
    period_days = serializers.IntegerField(required=False, help_text="Of kind `slo`: 7 to 90.")
    for_s = serializers.IntegerField(
        required=False, min_value=0, help_text="So many seconds it must be so before it fires."
    )
    runbook_url = TextField(
        max_length=2048, required=False, allow_blank=True, validators=[RegexValidator(r"^https?://\S+\Z")]
    )
    cooldown_s = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_REST_S,
        help_text="A group that fires again within so many seconds is told only when they have passed.",
    )
    remind_s = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_REST_S,
        help_text="Tell again this often while it fires; 0: never.",
    )
    state = serializers.SerializerMethodField(help_text="The worst of its groups; null for kind `log`.")
    sentence = serializers.CharField(source="condition", read_only=True)
    last_error = serializers.CharField(
        read_only=True, help_text="Why the rule could not be judged; empty when well."
    )

    class Meta:
        model = AlertRule
        fields = (
            "id",
            "service_id",
            "name",
            "description",
            "kind",
            *DEFAULTS,
            "sentence",
            "state",
            *HYGIENE,
            "is_active",
            "created_at",
            "last_error",
            "last_error_at",
        )
        read_only_fields = ("id", "created_at", "last_error_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        rule = {
            name: attrs.get(name, getattr(self.instance, name, default)) for name, default in DEFAULTS.items()
        }
        kind = attrs.get("kind", getattr(self.instance, "kind", RuleKind.LOG))
        problems = problems_of({**rule, "kind": kind})
        if problems:
            raise ValidationError(problems)
        service_id = attrs.get("service_id")
        if self.instance is not None:
            if service_id not in (None, self.instance.service_id):
                raise ValidationError({"service_id": "A rule stays with its service."})
            if kind != self.instance.kind:
                raise ValidationError({"kind": "A rule stays of its kind."})
        of = self.instance.service_id if self.instance else service_id
        endpoints = Endpoint.objects.filter(service_id=of or UUID(int=0))
        if rule["endpoint_id"] and not endpoints.filter(id=rule["endpoint_id"]).exists():
            raise ValidationError({"endpoint_id": "The service has no such endpoint."})
        return attrs

    @extend_schema_field(serializers.ChoiceField(choices=GroupState.choices, allow_null=True))
    def get_state(self, rule: AlertRule) -> str | None:
        return state_of(rule)


class AlertEventSerializer(serializers.ModelSerializer[AlertEvent]):
    alert_id = serializers.UUIDField(source="rule_id")
    log_id = serializers.UUIDField(allow_null=True, help_text="Null for what is not about one log.")

    class Meta:
        model = AlertEvent
        fields = (
            "id",
            "alert_id",
            "kind",
            "log_id",
            "group",
            "value",
            "since",
            "until",
            "message",
            "triggered_at",
            "is_held",
        )


class AlertGroupSerializer(serializers.ModelSerializer[AlertGroup]):
    """How one group of a rule stands; a rule that is not split has one, without a name."""

    group = serializers.CharField(source="label")

    class Meta:
        model = AlertGroup
        fields = (
            "id",
            "group",
            "state",
            "since",
            "value",
            "requests",
            "breaching_since",
            "fired_at",
            "told_at",
            "usual_low",
            "usual_high",
            "acknowledged_until",
            "acknowledged_by",
            "evaluated_at",
        )


class AlertEvaluationSerializer(serializers.ModelSerializer[AlertEvaluation]):
    class Meta:
        model = AlertEvaluation
        fields = ("id", "group", "since", "until", "state", "value", "requests", "duration_ms", "error")


class AlertFilter(django_filters.FilterSet):
    service_id = django_filters.UUIDFilter()
    kind = django_filters.ChoiceFilter(choices=RuleKind.choices)

    class Meta:
        model = AlertRule
        fields: list[str] = []


def reach_rule(actor: Actor, rule_id: UUID, scope: Scope) -> AlertRule:
    """The rule, when the actor may do this to it: 404 beyond its organizations, else 403."""
    rule = (
        AlertRule.objects.select_related("service")
        .filter(id=rule_id, service__deleted_at=None, service__organization__in=list(actor.grants))
        .first()
    )
    if rule is None:
        raise Http404("No such alert.")
    check_service(actor, rule.service, scope)
    return rule


@extend_schema_view(
    list=extend_schema(summary="List alert rules"),
    create=extend_schema(summary="Make an alert rule"),
    retrieve=extend_schema(summary="Get an alert rule"),
    partial_update=extend_schema(summary="Change an alert rule"),
    destroy=extend_schema(summary="Remove an alert rule with its events"),
)
class AlertRuleViewSet(IdsInPath, viewsets.ModelViewSet[AlertRule]):
    serializer_class = AlertRuleSerializer
    pagination_class = KeysetPagination
    filterset_class = AlertFilter
    problems = {"POST": ["404"]}
    queryset = AlertRule.objects.none()

    def get_queryset(self) -> QuerySet[AlertRule]:
        return with_states(
            AlertRule.objects.visible_to(actor_of(self.request)).select_related("endpoint")
        ).order_by("-id")

    def get_object(self) -> AlertRule:
        scope = scope_for(self, self.request.method or "GET")
        return reach_rule(actor_of(self.request), self.kwargs["alert_id"], scope)

    def perform_create(self, serializer: Any) -> None:
        service_id = serializer.validated_data["service_id"]
        serializer.save(service=reach_service(actor_of(self.request), service_id, Scope.MANAGE))

    def perform_update(self, serializer: Any) -> None:
        before = {name: getattr(serializer.instance, name) for name in serializer.validated_data}
        # Checked just now, so it can be judged again.
        saved = serializer.save(last_error="", last_error_at=None)
        changed = {name for name, value in before.items() if getattr(saved, name) != value}
        begin_anew(saved, changed, now=timezone.now())

    def perform_destroy(self, instance: AlertRule) -> None:
        remove_rule(instance, now=timezone.now())


class AlertEventsView(IdsInPath, GenericAPIView[AlertEvent]):
    serializer_class = AlertEventSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = AlertEvent.objects.none()

    @extend_schema(summary="List what a rule found, newest first", responses=AlertEventSerializer(many=True))
    def get(self, request: Request, alert_id: UUID) -> Response:
        rule = reach_rule(actor_of(request), alert_id, Scope.READ)
        page = self.paginate_queryset(AlertEvent.objects.filter(rule=rule).order_by("-id"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class AlertGroupsView(IdsInPath, GenericAPIView[AlertGroup]):
    serializer_class = AlertGroupSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = AlertGroup.objects.none()

    @extend_schema(summary="List how the groups of a rule stand", responses=AlertGroupSerializer(many=True))
    def get(self, request: Request, alert_id: UUID) -> Response:
        rule = reach_rule(actor_of(request), alert_id, Scope.READ)
        page = self.paginate_queryset(AlertGroup.objects.filter(rule=rule).order_by("-id"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class AlertEvaluationsView(IdsInPath, GenericAPIView[AlertEvaluation]):
    serializer_class = AlertEvaluationSerializer
    pagination_class = KeysetPagination
    filter_backends = ()
    queryset = AlertEvaluation.objects.none()

    @extend_schema(
        summary="List evaluations of a rule, newest first: every change and error, else one an hour",
        responses=AlertEvaluationSerializer(many=True),
    )
    def get(self, request: Request, alert_id: UUID) -> Response:
        rule = reach_rule(actor_of(request), alert_id, Scope.READ)
        page = self.paginate_queryset(AlertEvaluation.objects.filter(rule_id=rule.id).order_by("-id"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
