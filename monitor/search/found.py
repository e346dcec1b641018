"""The rows of the API's list as plain values: a model for each, and one for each name beside it, and a
serializer's fields cost more than half of the request."""

from datetime import UTC, datetime
from typing import Any, cast

from monitor.models.logs import RequestLogQuerySet

# As FoundLogSerializer has them; a test holds one against the other.
COLUMNS = (
    "id",
    "service_id",
    "method",
    "url",
    "path",
    "endpoint__route",
    "status_code",
    "latency_ms",
    "error",
    "tags",
    "consumer__identifier",
    "environment",
    "mode",
    "trace_id",
    "captured_at",
    "endpoint_id",
    "received_at",
)


def as_found(logs: RequestLogQuerySet) -> RequestLogQuerySet:
    """The same logs, each as a named tuple of COLUMNS."""
    return cast(RequestLogQuerySet, logs.values_list(*COLUMNS, named=True))


def members_of(row: Any) -> dict[str, Any]:
    """What FoundLogSerializer would say of a row."""
    (
        log_id,
        service_id,
        method,
        url,
        path,
        route,
        status_code,
        latency_ms,
        error,
        tags,
        consumer,
        environment,
        mode,
        trace_id,
        captured_at,
        endpoint_id,
        received_at,
    ) = row
    return {
        "id": str(log_id),
        "service_id": str(service_id),
        "method": method,
        "url": url,
        "path": path,
        "route": route or "",
        "status_code": status_code,
        "latency_ms": latency_ms,
        "error": error,
        "tags": tags,
        "consumer": consumer or "",
        "environment": environment,
        "mode": mode,
        "trace_id": trace_id,
        "captured_at": told(captured_at),
        "endpoint_id": None if endpoint_id is None else str(endpoint_id),
        "received_at": told(received_at),
    }


def told(moment: datetime) -> str:
    """RFC 3339, as the API writes moments."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
