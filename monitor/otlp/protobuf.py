"""Reads OTLP's protobuf messages.

Several messages back to back are one message to protobuf, with their lists joined: some clients send them so.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

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


def count_records(body: bytes) -> int:
    """The log records in an ExportLogsServiceRequest. Raises Malformed."""
    request = parse(ExportLogsServiceRequest(), body)
    return sum(len(scope.log_records) for each in request.resource_logs for scope in each.scope_logs)


def count_points(body: bytes) -> int:
    """The data points in an ExportMetricsServiceRequest. Raises Malformed."""
    request = parse(ExportMetricsServiceRequest(), body)
    metrics = (
        metric
        for each in request.resource_metrics
        for scope in each.scope_metrics
        for metric in scope.metrics
    )
    kinds = ((metric, metric.WhichOneof("data")) for metric in metrics)
    return sum(len(getattr(metric, kind).data_points) for metric, kind in kinds if kind)


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
