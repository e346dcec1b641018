"""/v1/alerts and the events of each."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.alerts.conditions import BadCondition, compile_condition
from monitor.alerts.judge import remove_rule
from monitor.api.authentication import actor_of
from monitor.api.fields import StrictModelSerializer
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.api.permissions import check_service, reach_service, scope_for
from monitor.lib.actors import Actor, Scope
from monitor.models import AlertEvent, AlertRule

CONDITION = ("condition_field", "condition_operator", "condition_value")


class AlertRuleSerializer(StrictModelSerializer):
    service_id = serializers.UUIDField()
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
            *CONDITION,
            "is_active",
            "created_at",
            "last_error",
            "last_error_at",
        )
        read_only_fields = ("id", "created_at", "last_error_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        field, comparison, value = (attrs.get(name, getattr(self.instance, name, "")) for name in CONDITION)
        try:
            compile_condition(field, comparison, value)
        except BadCondition as error:
            raise ValidationError({error.field: str(error)}) from None
        service_id = attrs.get("service_id")
        if self.instance is not None and service_id not in (None, self.instance.service_id):
            raise ValidationError({"service_id": "A rule stays with its service."})
        return attrs


class AlertEventSerializer(serializers.ModelSerializer[AlertEvent]):
    alert_id = serializers.UUIDField(source="rule_id")
    log_id = serializers.UUIDField()

    class Meta:
        model = AlertEvent
        fields = ("id", "alert_id", "log_id", "message", "triggered_at")


class AlertFilter(django_filters.FilterSet):
    service_id = django_filters.UUIDFilter()

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
        return AlertRule.objects.visible_to(actor_of(self.request)).order_by("-id")

    def get_object(self) -> AlertRule:
        scope = scope_for(self, self.request.method or "GET")
        return reach_rule(actor_of(self.request), self.kwargs["alert_id"], scope)

    def perform_create(self, serializer: Any) -> None:
        service_id = serializer.validated_data["service_id"]
        serializer.save(service=reach_service(actor_of(self.request), service_id, Scope.MANAGE))

    def perform_update(self, serializer: Any) -> None:
        # Checked just now, so it can be judged again.
        serializer.save(last_error="", last_error_at=None)

    def perform_destroy(self, instance: AlertRule) -> None:
        remove_rule(instance)


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
