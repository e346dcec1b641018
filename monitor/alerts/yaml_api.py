"""/v1/alerts/export, /plan and /apply: rules beside code, for those who reach the API and not the server."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.alerts.as_yaml import BadRules, Change, apply, export, plan
from monitor.api.authentication import actor_of
from monitor.api.errors import WithMembers
from monitor.api.fields import NothingElse, TextField, TruthField
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.lib.yaml_text import MOST_CHARACTERS
from monitor.models import Organization
from monitor.models.tenants import DEFAULT_ORGANIZATION

NO_SUCH_ORGANIZATION = "No such organization."
WHOSE = "Left out: the key's organization, your only one, or Default."
OF_ONE_SERVICE = " A key of one service speaks of the rules of that service alone."


class RulesSerializer(serializers.Serializer[Any]):
    yaml = serializers.CharField(help_text="As POST /v1/alerts/plan and /apply take it.")


class WhoseSerializer(serializers.Serializer[Any]):
    organization = serializers.UUIDField(allow_null=True)


class RulesFileSerializer(NothingElse):
    yaml = TextField(
        max_length=MOST_CHARACTERS,
        trim_whitespace=False,
        help_text="The whole file. A rule is known by its service's name and its own.",
    )
    prune = TruthField(default=False, help_text="Remove the rules that the file does not name.")
    organization = serializers.UUIDField(required=False, help_text=WHOSE)


@extend_schema_field(OpenApiTypes.ANY)
class ValueField(serializers.Field[Any, Any, Any, Any]):
    """As the rule has it."""

    def to_representation(self, value: Any) -> Any:
        return value


class ChangedFieldSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = ValueField(allow_null=True, help_text="Of a new rule: what is usual.")
    after = ValueField(allow_null=True)


class RuleChangeSerializer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=["create", "update", "remove"])
    service = serializers.CharField()
    name = serializers.CharField()
    changed = ChangedFieldSerializer(many=True)


class RulesPlanSerializer(serializers.Serializer[Any]):
    is_applied = serializers.BooleanField(help_text="False for a plan, which changes nothing.")
    changes = RuleChangeSerializer(many=True, help_text="Empty: all rules are as the file says.")


class RulesExportView(APIView):
    @extend_schema(
        summary="Export alert rules as YAML",
        description="What is as usual is left out." + OF_ONE_SERVICE,
        parameters=[OpenApiParameter("organization", OpenApiTypes.UUID, description=WHOSE)],
        responses=RulesSerializer,
        operation_id="alerts_export",
    )
    def get(self, request: Request) -> Response:
        form = WhoseSerializer(data={"organization": request.query_params.get("organization") or None})
        form.is_valid(raise_exception=True)
        actor = actor_of(request)
        home = home_of(actor, form.validated_data["organization"], Scope.READ)
        return Response({"yaml": export(home, service_id=actor.service_id)})


class RulesPlanView(APIView):
    # It changes nothing, so it is reading.
    scopes = {"POST": Scope.READ}

    @extend_schema(
        summary="Tell what a file of alert rules would change",
        description="`errors` names each field that is at fault by its place in the file"
        " (`rules.3.threshold`) and its `rule`." + OF_ONE_SERVICE,
        request=RulesFileSerializer,
        responses=RulesPlanSerializer,
        operation_id="alerts_plan",
    )
    def post(self, request: Request) -> Response:
        return answer_for(request, plan, Scope.READ, is_applied=False)


class RulesApplyView(APIView):
    @extend_schema(
        summary="Make the alert rules as a file says, all of it or nothing",
        description="Applied again it changes nothing. Errors as of the plan." + OF_ONE_SERVICE,
        request=RulesFileSerializer,
        responses=RulesPlanSerializer,
        operation_id="alerts_apply",
    )
    def post(self, request: Request) -> Response:
        return answer_for(request, apply, Scope.MANAGE, is_applied=True)


def answer_for(
    request: Request, act: Callable[..., list[Change]], scope: Scope, *, is_applied: bool
) -> Response:
    """What `act` does with the file that was sent."""
    form = RulesFileSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    asked, actor = form.validated_data, actor_of(request)
    home = home_of(actor, asked.get("organization"), scope)
    try:
        changes = act(home, asked["yaml"], prune=asked["prune"], service_id=actor.service_id)
    except BadRules as error:
        raise refused(error) from None
    report = {"is_applied": is_applied, "changes": [facts_of(change) for change in changes]}
    return Response(RulesPlanSerializer(report).data)


def home_of(actor: Actor, asked: UUID | None, scope: Scope) -> Organization:
    """Whose rules are meant. Raises ValidationError and PermissionDenied."""
    if asked is not None:
        if asked not in actor.grants:
            raise ValidationError({"organization": NO_SUCH_ORGANIZATION}, code="does_not_exist")
        require(actor, scope, asked)
        return Organization.objects.get(id=asked)
    mine = Organization.objects.filter(id__in=actor.organizations(scope))
    home = mine.get() if mine.count() == 1 else mine.filter(name=DEFAULT_ORGANIZATION).first()
    if home is None:
        raise ValidationError({"organization": "You are in several organizations: name one."})
    return home


def refused(error: BadRules) -> ValidationError:
    """The errors of the file, each with its rule; those of the whole file as of `yaml`."""
    if not error.problems:
        return ValidationError({"yaml": str(error)})
    places = {f"rules.{each.place}.{each.field}": each for each in error.problems}
    return BadFile(
        {place: [each.message] for place, each in places.items()},
        members={place: {"rule": each.name} for place, each in places.items()},
    )


class BadFile(WithMembers, ValidationError):
    """What is at fault, by its place in the file."""


def facts_of(change: Change) -> dict[str, Any]:
    return {
        "action": change.action,
        "service": change.service,
        "name": change.name,
        "changed": [
            {"field": name, "before": before, "after": after}
            for name, (before, after) in change.fields.items()
        ],
    }
