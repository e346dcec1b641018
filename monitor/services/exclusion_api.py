"""/v1/services/{id}/exclusions."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.errors import Conflict
from monitor.api.fields import TextField
from monitor.api.paths import IdsInPath
from monitor.api.permissions import reach_service
from monitor.lib.actors import Scope
from monitor.models import ExclusionRule, Service
from monitor.models.services import ExclusionKind
from monitor.services.exclusions import (
    BadRule,
    CountedRule,
    RuleTaken,
    add_rule,
    remove_rule,
    rules_of,
)


class ExclusionSerializer(serializers.Serializer[Any]):
    """A rule by which requests are not kept."""

    id = serializers.UUIDField(source="rule.id")
    service_id = serializers.UUIDField(source="rule.service_id")
    kind = serializers.ChoiceField(choices=ExclusionKind.choices, source="rule.kind")
    pattern = serializers.CharField(source="rule.pattern")
    created_at = serializers.DateTimeField(source="rule.created_at")
    created_by = serializers.CharField(source="rule.created_by")
    dropped = serializers.IntegerField(help_text="Logs so far, a few seconds late.")
    dropped_counts = serializers.IntegerField(
        help_text="Requests that clients counted, so far; some may be those of the logs."
    )


class NewExclusionSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ExclusionKind.choices)
    pattern = TextField(
        max_length=256,
        help_text="A path: `/health`, `/files/{name}`, `/internal/*`; or a part of the user agent.",
    )


def reach_rule(service: Service, rule_id: UUID) -> ExclusionRule:
    rule = ExclusionRule.objects.filter(service=service, id=rule_id).first()
    if rule is None:
        raise Http404("No such rule.")
    return rule


class ExclusionsView(IdsInPath, APIView):
    problems = {"POST": ("409",)}

    @extend_schema(
        summary="List the rules by which requests are not kept", responses=ExclusionSerializer(many=True)
    )
    def get(self, request: Request, service_id: UUID) -> Response:
        service = reach_service(actor_of(request), service_id, Scope.READ)
        return Response(ExclusionSerializer(rules_of(service), many=True).data)

    @extend_schema(
        summary="Do not keep requests to a path, or of a user agent",
        description="Holds within seconds, for what is sent from then on.",
        request=NewExclusionSerializer,
        responses={201: ExclusionSerializer},
    )
    def post(self, request: Request, service_id: UUID) -> Response:
        actor = actor_of(request)
        service = reach_service(actor, service_id, Scope.MANAGE)
        form = NewExclusionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            rule = add_rule(service, by=actor.label, **form.validated_data)
        except RuleTaken as taken:
            raise Conflict("pattern", str(taken)) from None
        except BadRule as bad:
            raise ValidationError({"pattern": str(bad)}) from None
        return Response(ExclusionSerializer(CountedRule(rule=rule, dropped=0)).data, status=201)


class ExclusionView(IdsInPath, APIView):
    @extend_schema(summary="Remove a rule", responses={204: None})
    def delete(self, request: Request, service_id: UUID, exclusion_id: UUID) -> Response:
        service = reach_service(actor_of(request), service_id, Scope.MANAGE)
        remove_rule(reach_rule(service, exclusion_id))
        return Response(status=204)
