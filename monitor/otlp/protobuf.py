"""Reads OTLP's protobuf messages.

Several messages back to back are one message to protobuf, with their lists joined: some clients send them so.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from monitor.otlp.points import (
    DELTA,
    EVENT_SCOPE,
    EVENTS,
    READ,
    Point,
    Record,
    explicit_buckets,
    exponential_buckets,
    factor_of,
    finite,
)
from monitor.otlp.spans import (
    PARENT_IS_REMOTE,
    REQUEST_KINDS,
    STATUS_ERROR,
    Attributes,
    Malformed,
    Raised,
    Span,
    TooMany,
    Value,
    raised_from,
)

Read = TypeVar("Read", bound=Message)


def read_spans(body: bytes, *, most: int) -> list[Span]:
    """The spans of an ExportTraceServiceRequest. Raises Malformed, and TooMany for more than `most`."""
    request = parse(ExportTraceServiceRequest(), body)
    count = sum(len(scope.spans) for each in request.resource_spans for scope in each.scope_spans)
    if count > most:
        raise TooMany
    return list(spans_of(request))


def read_events(body: bytes, *, most: int) -> tuple[list[Record], int]:
    """The events in an ExportLogsServiceRequest that we know, and the number of all its records.

    Raises Malformed, and TooMany for more than `most` records.
    """
    request = parse(ExportLogsServiceRequest(), body)
    count = sum(len(scope.log_records) for each in request.resource_logs for scope in each.scope_logs)
    if count > most:
        raise TooMany
    return list(events_of(request)), count


def events_of(request: ExportLogsServiceRequest) -> Iterator[Record]:
    for each in request.resource_logs:
        resource = attributes_of(each.resource.attributes)
        for scope in each.scope_logs:
            if scope.scope.name != EVENT_SCOPE:
                continue
            for record in scope.log_records:
                # Older clients name the event among the attributes.
                event = record.event_name or str(attributes_of(record.attributes).get("event.name", ""))
                if event in EVENTS:
                    yield Record(
                        event=event,
                        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
                        body=value_of(record.body),
                        resource=resource,
                    )


def read_points(body: bytes, *, most: int) -> tuple[list[Point], int]:
    """The points of an ExportMetricsServiceRequest that we know, and the number of all of them.

    Raises Malformed, and TooMany for more than `most`.
    """
    request = parse(ExportMetricsServiceRequest(), body)
    metrics = [
        (metric, metric.WhichOneof("data"), each)
        for each in request.resource_metrics
        for scope in each.scope_metrics
        for metric in scope.metrics
    ]
    count = sum(len(getattr(metric, kind).data_points) for metric, kind, _ in metrics if kind)
    if count > most:
        raise TooMany
    points: list[Point] = []
    for metric, kind, each in metrics:
        if kind and metric.name in READ:
            points += points_of(metric, kind, attributes_of(each.resource.attributes))
    return points, count


def points_of(metric: metrics_pb2.Metric, kind: str, resource: Attributes) -> Iterator[Point]:
    told = getattr(metric, kind)
    for point in told.data_points:
        alike: dict[str, Any] = {
            "name": metric.name,
            "unit": metric.unit,
            "attributes": attributes_of(point.attributes),
            "resource": resource,
            "start_ns": point.start_time_unix_nano,
            "time_ns": point.time_unix_nano,
        }
        factor = factor_of(metric.name, metric.unit)
        if kind in ("gauge", "sum"):
            value = point.WhichOneof("value")
            yield Point(**alike, value=float(getattr(point, value)) if value else None)
        elif kind == "exponential_histogram":
            buckets = exponential_buckets(
                scale=point.scale,
                offset=point.positive.offset,
                counts=point.positive.bucket_counts,
                zeros=point.zero_count,
                factor=factor,
            )
            yield counted(alike, told.aggregation_temporality, point, buckets, factor)
        elif kind == "histogram":
            buckets = explicit_buckets(
                bounds=point.explicit_bounds,
                counts=point.bucket_counts,
                # Of all since the start, the largest may be told again and again.
                most=point.max if point.HasField("max") and told.aggregation_temporality == DELTA else None,
                factor=factor,
            )
            yield counted(alike, told.aggregation_temporality, point, buckets, factor)


def counted(
    alike: dict[str, Any], temporality: int, point: Any, buckets: dict[int, int], factor: float
) -> Point:
    total = finite(point.sum) * factor
    return Point(**alike, temporality=temporality, count=point.count, total=total, buckets=buckets)


def parse(message: Read, body: bytes) -> Read:
    try:
        message.ParseFromString(body)
    except DecodeError:
        name = message.DESCRIPTOR.name
        raise Malformed(f"The body is not a protobuf {name}.") from None
    return message


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for each in request.resource_spans:
        resource = attributes_of(each.resource.attributes)
        for scope in each.scope_spans:
            for span in scope.spans:
                yield span_of(span, resource)


def span_of(span: trace_pb2.Span, resource: Attributes) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        parent_is_remote=bool(span.flags & PARENT_IS_REMOTE),
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code == STATUS_ERROR,
        status_message=span.status.message,
        raised=last_raised(span.events),
        # Reading attributes is most of the work, and most spans are not requests.
        attributes=attributes_of(span.attributes) if int(span.kind) in REQUEST_KINDS else {},
        resource=resource,
    )


def last_raised(events: Iterable[trace_pb2.Span.Event]) -> Raised | None:
    exceptions = [event for event in events if event.name == "exception"]
    return raised_from(attributes_of(exceptions[-1].attributes)) if exceptions else None


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: value_of(pair.value) for pair in pairs}


def value_of(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    plain: str | bool | int | float | bytes = getattr(value, kind)
    return plain
