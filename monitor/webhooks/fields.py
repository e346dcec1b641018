"""Fields of endpoints that need a closer look."""

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from monitor.events.catalogue import CATALOGUE, RESERVED
from monitor.lib.masking import MASK
from monitor.models import WebhookEndpoint

PATTERN = re.compile(r"\*|[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*(\.\*)?")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
MAX_HEADERS = 20
MAX_VALUE_CHARS = 4_096
# Said by us, by the signature, or by the connection.
OURS = frozenset(
    {
        *("accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect"),
        *("host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "user-agent"),
    }
)


def check_pattern(pattern: str) -> None:
    """Raises ValidationError for what no event could match."""
    if not PATTERN.fullmatch(pattern):
        raise ValidationError("Use an event's type, the beginning of one with .* behind it, or * for all.")
    first = pattern.partition(".")[0]
    if first in RESERVED and not any(matches(pattern, name) for name in CATALOGUE):
        raise ValidationError(f"There is no event {pattern}. GET /v1/event-types lists them.")


def matches(pattern: str, name: str) -> bool:
    return pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class HeadersField(serializers.Field[Any, Any, Any, Any]):
    """Names to values. Values are secrets: taken, and never shown again."""

    def get_attribute(self, instance: WebhookEndpoint) -> Any:
        return instance.header_names

    def to_representation(self, names: list[str]) -> dict[str, str]:
        return dict.fromkeys(names, MASK)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, Mapping):
            raise ValidationError("Must be an object of texts.")
        if len(data) > MAX_HEADERS:
            raise ValidationError(f"At most {MAX_HEADERS} headers.")
        for name, value in data.items():
            check_header(name, value)
        return dict(data)


def check_header(name: str, value: Any) -> None:
    if not HEADER_NAME.fullmatch(name):
        raise ValidationError("A header's name is made of letters, digits and -.")
    if name.lower() in OURS or name.lower().startswith("webhook-"):
        raise ValidationError(f"{name} is set by the monitor.")
    if not isinstance(value, str) or len(value) > MAX_VALUE_CHARS:
        raise ValidationError(f"The value of {name} must be a text of at most {MAX_VALUE_CHARS} characters.")
    if MASK in value:
        raise ValidationError(f"The value of {name} is a mask. Send the value itself, or leave headers out.")
    if not value.isprintable():
        raise ValidationError(f"The value of {name} has a line break or another control character.")
