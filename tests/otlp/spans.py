"""Spans in OTLP's JSON form, made with as little as they take, and the same in protobuf."""

import json
import time
from base64 import b64encode
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE = "5b8efff798038103d269b633813fc60c"
SERVER, CLIENT = 2, 3


def a_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        # As text, which is how the Python exporter sends 64 bits; the captures have numbers.
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, bytes):
        return {"bytesValue": b64encode(value).decode()}
    if isinstance(value, list):
        return {"arrayValue": {"values": [a_value(each) for each in value]}}
    return {"stringValue": value}


def some_attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": a_value(value)} for key, value in values.items()]


def a_span(attributes: dict[str, Any] | None = None, *, number: int = 1, **fields: Any) -> dict[str, Any]:
    """A server span of a moment ago that took 12.5 ms."""
    start_ns = time.time_ns() - 1_000_000_000
    given = {"http.request.method": "GET", "url.path": "/orders"} if attributes is None else attributes
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "name": "a span",
        "kind": SERVER,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + 12_500_000),
        "attributes": some_attributes(given),
        **fields,
    }


def an_export(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": some_attributes(resource or {})},
                "scopeSpans": [{"scope": {"name": "tests"}, "spans": list(spans)}],
            }
        ]
    }


def as_json(export: dict[str, Any]) -> bytes:
    return json.dumps(export).encode()


def as_protobuf(export: dict[str, Any]) -> bytes:
    """The same, through protobuf's own JSON reader, which wants ids in base64."""
    copy = json.loads(json.dumps(export))
    for each in copy["resourceSpans"]:
        for scope in each["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(copy, ExportTraceServiceRequest()).SerializeToString()
