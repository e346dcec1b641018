"""Makes metrics exports in OTLP's JSON, and in protobuf."""

import json

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

DELTA, CUMULATIVE = 1, 2
JSON, PROTOBUF = "application/json", "application/x-protobuf"


def a_point(*, start, time, route="/orders/{id}", status=200, consumer=None, **members):
    """A data point of durations; `start` and `time` are datetimes."""
    attributes = {"http.request.method": "GET", "http.route": route, "http.response.status_code": status}
    if consumer:
        attributes["apitally.consumer.identifier"] = consumer
    return {
        "startTimeUnixNano": str(nanoseconds(start)),
        "timeUnixNano": str(nanoseconds(time)),
        "attributes": listed(attributes),
        **members,
    }


def explicit(counts, *, bounds=(0.1, 1.0), **rest):
    """A point with bounds; its sum is 0.05 s for each request."""
    told = {"count": str(sum(counts)), "sum": sum(counts) * 0.05, "bucketCounts": [str(n) for n in counts]}
    return a_point(**told, explicitBounds=list(bounds), **rest)


def exponential(counts, *, scale=3, offset=0, zeros=0, **rest):
    told = {"count": str(sum(counts) + zeros), "sum": sum(counts) * 0.05, "zeroCount": str(zeros)}
    positive = {"offset": offset, "bucketCounts": [str(n) for n in counts]}
    return a_point(**told, scale=scale, positive=positive, **rest)


def an_export(*points, temporality, resource=None, name="http.server.request.duration", unit="s"):
    kind = "exponentialHistogram" if points and "scale" in points[0] else "histogram"
    metric = {"name": name, "unit": unit, kind: {"aggregationTemporality": temporality, "dataPoints": points}}
    return {
        "resourceMetrics": [
            {"resource": {"attributes": listed(resource or {})}, "scopeMetrics": [{"metrics": [metric]}]}
        ]
    }


def encoded(export, content_type):
    if content_type == JSON:
        return json.dumps(export).encode()
    return ParseDict(export, ExportMetricsServiceRequest()).SerializeToString()


def nanoseconds(moment):
    return round(moment.timestamp() * 1000) * 1_000_000


def listed(attributes):
    return [
        {"key": name, "value": {"intValue": value} if isinstance(value, int) else {"stringValue": value}}
        for name, value in attributes.items()
    ]
