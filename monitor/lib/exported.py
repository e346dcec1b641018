"""The event id of an exported log that has none of its own: sent back to its service, it is the same log."""

from datetime import datetime
from uuid import UUID

from monitor.lib.ids import uuid7_floor

PREFIX = "log:"


def scope_of(service_id: UUID, mode: str) -> str:
    """What an event id is an id within."""
    return f"{service_id}:{mode}"


def exported_event_id(log_id: UUID, scope: str) -> str:
    return f"{PREFIX}{scope}:{log_id}"


def is_exported_event_id(event_id: str, scope: str) -> bool:
    return event_id.startswith(f"{PREFIX}{scope}:")


def log_of(event_id: str, scope: str, captured_at: datetime) -> UUID | None:
    """The log that was exported under this event id, if it belongs here: same service and mode, same moment.

    Elsewhere the text is an event id like any other, so that copies do not double there either.
    """
    if not is_exported_event_id(event_id, scope):
        return None
    try:
        log_id = UUID(event_id.removeprefix(f"{PREFIX}{scope}:"))
    except ValueError:
        return None
    has_moment = log_id.int >> 80 == uuid7_floor(captured_at).int >> 80
    return (
        log_id if has_moment and log_id.version == 7 and log_id.variant == "specified in RFC 4122" else None
    )
