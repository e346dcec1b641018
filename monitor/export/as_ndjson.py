"""NDJSON: a log a line, in the fields that POST /v1/logs/batch takes, so that a file can be sent back.

Sent back to the same service it changes nothing, as each line names its log: see monitor.lib.exported.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from monitor.export.walking import Exported
from monitor.lib.exported import exported_event_id, scope_of
from monitor.lib.ids import event_uuid7
from monitor.models import RequestLog
from monitor.models.services import OTHER

encode = msgspec.json.Encoder().encode
BODIES = ("request_body", "response_body")
ON_BODIES = ("request_truncated", "response_truncated", "request_body_dropped", "response_body_dropped")
OF_PAYLOAD = ("query_params", "request_headers", "response_headers", *BODIES)


def item_of(exported: Exported, *, bodies: bool) -> dict[str, Any]:
    """The log as a sender would write it. Fields without a value are left out."""
    log, contents = exported.log, exported.contents
    item = {
        "timestamp": log.captured_at,
        "event_id": event_id_of(log, contents),
        "method": log.method,
        "url": log.url,
        "path": log.path,
        "route": log.route,
        "status_code": log.status_code,
        "latency_ms": log.latency_ms,
        "error": contents.get("error", log.error),
        "source_ip": log.source_ip,
        "tags": log.tags,
        "consumer": log.consumer_identifier,
        "environment": log.environment,
        "trace_id": log.trace_id,
        # Measured before anything was masked or cut, so the bodies here do not tell them.
        "request_bytes": log.request_bytes,
        "response_bytes": log.response_bytes,
        "span_id": contents.get("span_id"),
        "parent_span_id": contents.get("parent_span_id"),
        **({name: contents.get(name) for name in ON_BODIES} if bodies else {}),
        **{name: contents.get(name) for name in OF_PAYLOAD if bodies or name not in BODIES},
    }
    kept_apart = {"route", "consumer"}
    return {
        name: value
        for name, value in item.items()
        # Latencies and statuses of 0, empty headers and bodies are values; what shares a name had its own.
        if value is not None
        and not (value in ("", [], {}) and name not in OF_PAYLOAD)
        and not (name in kept_apart and value == OTHER)
    }


def event_id_of(log: RequestLog, contents: Mapping[str, Any]) -> str:
    """The sender's own event id where it makes the log's id, else one that names the log itself."""
    scope, own = scope_of(log.service_id, log.mode), contents.get("event_id")
    if own and event_uuid7(log.captured_at, scope=scope, event_id=own) == log.id:
        return str(own)
    return exported_event_id(log.id, scope)


class Ndjson:
    name = "ndjson"
    content_type = "application/x-ndjson"
    with_payloads = True
    beginning = ""
    between = ""
    end = ""

    def write(self, exported: Exported, *, bodies: bool) -> str:
        return encode(item_of(exported, bodies=bodies)).decode() + "\n"
