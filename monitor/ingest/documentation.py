"""The log item as the OpenAPI document shows it. `decode.LogItem` decides; a test holds the two together."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

HEADER_VALUE = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


@extend_schema_field({"type": "object", "maxProperties": 128, "additionalProperties": HEADER_VALUE})
class HeadersField(serializers.DictField):
    """Names to values; several values of one name as an array."""


@extend_schema_field({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}]})
class MomentField(serializers.Field[Any, Any, Any, Any]):
    """RFC 3339 with a zone, or Unix seconds."""


class LogItemSerializer(serializers.Serializer[Any]):
    """One request and its response. Long bodies are cut and marked, secrets are masked."""

    method = serializers.RegexField(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", max_length=16)
    url = serializers.CharField(max_length=8192)
    path = serializers.CharField(max_length=2048)
    status_code = serializers.IntegerField(min_value=0, max_value=999, required=False, allow_null=True)
    latency_ms = serializers.FloatField(min_value=0, max_value=1e15, required=False, allow_null=True)
    query_params = serializers.DictField(required=False, allow_null=True)
    request_headers = HeadersField(required=False, allow_null=True)
    request_body = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    response_headers = HeadersField(required=False, allow_null=True)
    response_body = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    error = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    source_ip = serializers.IPAddressField(required=False, allow_null=True)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=128), max_length=32, required=False, allow_null=True
    )
    timestamp = MomentField(
        required=False, allow_null=True, help_text="When the request happened; default: now."
    )
    route = serializers.CharField(max_length=2048, required=False, allow_null=True, allow_blank=True)
    consumer = serializers.CharField(max_length=128, required=False, allow_null=True, allow_blank=True)
    environment = serializers.CharField(max_length=64, required=False, allow_null=True, allow_blank=True)
    trace_id = serializers.CharField(max_length=64, required=False, allow_null=True, allow_blank=True)
    event_id = serializers.CharField(max_length=128, required=False, allow_null=True)
