"""OTLP's addresses in the OpenAPI document: in both encodings, errors as google.rpc.Status."""

from typing import Any

from drf_spectacular.types import OpenApiTypes

from monitor.api.schema import ProblemAutoSchema
from monitor.front.answers import JSON
from monitor.otlp.answers import PROTOBUF, Signal

BINARY = {"type": "string", "format": "binary"}
STATUS = {
    "type": "object",
    "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
    "required": ["code", "message"],
}


class OtlpAutoSchema(ProblemAutoSchema):
    """Adds OTLP's form of an error to what POST may answer with."""

    def _problem(self, status: str, direction: Any) -> dict[str, Any]:
        described = super()._problem(status, direction)
        if self.method == "POST":
            described["content"] |= {JSON: {"schema": STATUS}, PROTOBUF: {"schema": BINARY}}
        return described


def request_of(member: str) -> dict[str, Any]:
    """An Export…ServiceRequest."""
    items = {"type": ["array", "null"], "items": {"type": "object"}}
    return {PROTOBUF: OpenApiTypes.BINARY, JSON: {"type": "object", "properties": {member: items}}}


def responses_of(signal: Signal) -> dict[tuple[int, str], Any]:
    """An Export…ServiceResponse."""
    members = {signal.rejected_json: {"type": "string"}, "errorMessage": {"type": "string"}}
    partial = {"type": "object", "properties": members}
    told = {"type": "object", "properties": {"partialSuccess": partial}}
    return {(200, JSON): told, (200, PROTOBUF): OpenApiTypes.BINARY}
