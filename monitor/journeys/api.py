"""/v1/journeys: documents out of what others write. Journeys themselves are monitors of their kind."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.authentication import actor_of
from monitor.api.permissions import require
from monitor.journeys.checks import READY_MADE
from monitor.journeys.document import Journey, as_plain, read_document
from monitor.journeys.imports import BadImport, Note
from monitor.journeys.imports.bringing import MAX_BYTES
from monitor.journeys.imports.logs import read_logs
from monitor.journeys.imports.reading import FORMATS, read_import
from monitor.journeys.written import as_yaml, without_values
from monitor.lib.actors import Scope

LOGS = "logs"


class JourneyImportSerializer(serializers.Serializer[Any]):
    """A text in one of the formats, or ids of logs."""

    format = serializers.ChoiceField(choices=[*FORMATS, (LOGS, "Logged requests")])
    text = serializers.CharField(required=False, max_length=MAX_BYTES, trim_whitespace=False)
    environment = serializers.CharField(
        required=False, max_length=MAX_BYTES, help_text="A Postman environment, as JSON text."
    )
    rows = serializers.CharField(
        required=False, max_length=MAX_BYTES, help_text="Rows of data for a Postman collection: CSV or JSON."
    )
    log_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=50, help_text="For logs: which ones."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = "log_ids" if attrs["format"] == LOGS else "text"
        if not attrs.get(needed):
            raise ValidationError({needed: "This field is required for the format."}, code="required")
        return attrs


class JourneyNoteSerializer(serializers.Serializer[Any]):
    fate = serializers.CharField(help_text="runs, partly, unsupported, or note.")
    where = serializers.CharField()
    line = serializers.IntegerField(allow_null=True, help_text="Of a script.")
    text = serializers.CharField()


class BroughtJourneySerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    config = serializers.DictField(help_text="For POST /v1/monitors, with the secrets that the text held.")
    yaml = serializers.CharField(help_text="The same as YAML, without values of secrets.")
    report = JourneyNoteSerializer(many=True)


class ReadyMadeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    words = serializers.CharField()
    about = serializers.CharField()
    config = serializers.DictField(help_text="Steps to take over, with the variables they speak of.")


class JourneyImportView(APIView):
    problems = {"POST": ["404"]}

    @extend_schema(
        summary="Make a journey out of a collection, a HAR, a command, an OpenAPI document or logs",
        description="Keeps nothing: `config` is what POST /v1/monitors takes for kind journey.",
        request=JourneyImportSerializer,
        responses=BroughtJourneySerializer,
        operation_id="journeys_import",
    )
    def post(self, request: Request) -> Response:
        form = JourneyImportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked, actor = form.validated_data, actor_of(request)
        require(actor, Scope.MANAGE)
        is_of_logs = asked["format"] == LOGS
        try:
            if is_of_logs:
                brought, _ = read_logs(asked["log_ids"], actor=actor)
                return Response(answer(brought.document(), brought.notes))
            found = read_import(
                asked["format"],
                asked["text"],
                environment=asked.get("environment", ""),
                rows=asked.get("rows", ""),
            )
        except BadImport as error:
            raise ValidationError({"log_ids" if is_of_logs else "text": str(error)}) from None
        return Response(answer(found.journey, found.notes))


def answer(journey: Journey, notes: Any) -> dict[str, Any]:
    report: list[Note] = list(notes)
    return {
        "name": journey.name,
        "config": as_plain(journey),
        "yaml": as_yaml(without_values(journey)),
        "report": [note.as_plain() for note in report],
    }


class ReadyMadeView(APIView):
    @extend_schema(
        summary="List the ready-made security checks, as steps to take over",
        responses=ReadyMadeSerializer(many=True),
        operation_id="journeys_ready_made",
    )
    def get(self, request: Request) -> Response:
        require(actor_of(request), Scope.READ)
        return Response(
            [
                {
                    "name": each.name,
                    "words": each.words,
                    "about": each.about,
                    "config": as_plain(
                        read_document(
                            {
                                "variables": dict(each.variables),
                                "secrets": dict.fromkeys(each.secrets, ""),
                                "steps": [dict(step) for step in each.steps],
                            }
                        )
                    ),
                }
                for each in READY_MADE
            ]
        )
