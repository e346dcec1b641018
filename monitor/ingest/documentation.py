"""The log item as the OpenAPI document shows it. `decode.LogItem` decides; a test holds the two together."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

# A number, a truth value and null are taken as their text: loggers write `content-length` as a number.
PLAIN = {"type": ["string", "number", "boolean", "null"]}
HEADER_VALUE = {"anyOf": [PLAIN, {"type": "array", "items": PLAIN}]}


@extend_schema_field({"type": "object", "maxProperties": 128, "additionalProperties": HEADER_VALUE})
class HeadersField(serializers.DictField):
    """Names to values; several values of one name as an array."""


@extend_schema_field({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}]})
class MomentField(serializers.Field[Any, Any, Any, Any]):
    """RFC 3339 with a zone, or Unix seconds."""


@extend_schema_field(
    {
        "oneOf": [{"type": "string", "format": form} for form in ("ipv4", "ipv6")]
        + [{"type": "string", "maxLength": 0}]
    }
)
class AddressField(serializers.Field[Any, Any, Any, Any]):
    """An IPv4 or IPv6 address; empty when unknown."""


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
    source_ip = AddressField(required=False, allow_null=True)
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
    span_id = serializers.CharField(max_length=64, required=False, allow_null=True, allow_blank=True)
    parent_span_id = serializers.CharField(
        max_length=64,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="The span that made this request, in the same trace.",
    )
    request_bytes = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, allow_null=True, help_text="Default: as measured."
    )
    response_bytes = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, allow_null=True, help_text="Default: as measured."
    )
    request_truncated = serializers.BooleanField(
        required=False, allow_null=True, help_text="The body was cut before it was reported."
    )
    response_truncated = serializers.BooleanField(required=False, allow_null=True)
    request_body_dropped = serializers.BooleanField(
        required=False, allow_null=True, help_text="There was a body, and it is not reported."
    )
    response_body_dropped = serializers.BooleanField(required=False, allow_null=True)


class ItemErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one item of a batch. `field` is empty when the item as a whole is at fault."""

    index = serializers.IntegerField(min_value=0, help_text="Its place in the batch, from 0.")
    field = serializers.CharField(allow_blank=True)
    pointer = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ExcludedSerializer(serializers.Serializer[Any]):
    """A log that was well taken and is not kept, as a rule of its service says."""

    id = serializers.UUIDField(allow_null=True, help_text="Always null.")
    excluded_by = serializers.UUIDField(help_text="The rule's id.")


class BatchResultSerializer(serializers.Serializer[Any]):
    """`ids` are those of the accepted items, in order; repeats answer with the id they have."""

    accepted = serializers.IntegerField(min_value=0)
    rejected = serializers.IntegerField(min_value=0)
    excluded = serializers.IntegerField(
        min_value=0, help_text="Well taken, and not kept by a rule of the service: nothing to send again."
    )
    ids = serializers.ListField(child=serializers.UUIDField())
    errors = ItemErrorSerializer(many=True)  # type: ignore[assignment] # the member's name
