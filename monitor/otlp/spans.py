"""A span as we read it, whatever encoding it came in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

Value: TypeAlias = str | bool | int | float | bytes | list["Value"] | dict[str, "Value"] | None
Attributes: TypeAlias = Mapping[str, Value]

# Set in `flags` when the sender knows whether the parent lives in another process, and when it does.
PARENT_IS_REMOTE = 0x200


class Kind(IntEnum):
    """opentelemetry.proto.trace.v1.Span.SpanKind."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


REQUEST_KINDS = frozenset({Kind.SERVER, Kind.CLIENT})
STATUS_ERROR = 2


class Malformed(Exception):
    """The body is not what its content type says."""


class TooMany(Exception):
    """More spans or records in one body than we read at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    """An exception that was recorded on a span."""

    type: str
    message: str
    stack: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """`attributes` are read for the kinds in REQUEST_KINDS alone; ids are lower-case hex."""

    trace_id: str
    span_id: str
    parent_id: str
    parent_is_remote: bool
    kind: int
    start_ns: int
    end_ns: int
    failed: bool
    status_message: str
    raised: Raised | None
    attributes: Attributes
    resource: Attributes = field(default_factory=dict)


def raised_from(attributes: Attributes) -> Raised:
    """The exception in the attributes of an event named `exception`."""
    kind, message, stack = (
        str(attributes.get(f"exception.{name}") or "") for name in ("type", "message", "stacktrace")
    )
    # Clients disagree on whether built-in types carry their module.
    return Raised(type=kind.removeprefix("builtins."), message=message, stack=stack)
