"""An event as receivers read it: made into bytes once, kept, signed and sent as they are."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from django.conf import settings

from monitor.events.catalogue import API_VERSIONS
from monitor.events.draft import Draft
from monitor.models.events import message_id_of

# What receivers take without a thought (Standard Webhooks). Larger ones say where to read them.
MAX_BODY_BYTES = 20_000


def body_of(draft: Draft) -> str:
    """The JSON text of the event. What would be too large goes without its data, and says so."""
    text = _encoded(draft, dict(draft.data))
    if len(text) <= MAX_BODY_BYTES:
        return text.decode()
    ids = {name: value for name, value in draft.data.items() if name.endswith("_id")}
    address = f"{settings.PUBLIC_URL}/v1/events/{draft.id}"
    return _encoded(draft, {**ids, "is_thin": True, "event_url": address}).decode()


def _encoded(draft: Draft, data: dict[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "id": message_id_of(draft.id.hex),
            "type": draft.type,
            "timestamp": rfc3339(draft.happened_at),
            "api_version": API_VERSIONS[-1],
            "mode": draft.mode,
            "environment": draft.environment,
            "service_id": draft.service_id,
            "data": data,
        }
    )


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
