"""Reads OTLP's JSON form, which is protobuf's but for the ids: they are hex, not base64.

So protobuf's own JSON reader would take every id for another one. Numbers of 64 bits come as text or as
numbers, enums as numbers or names, and whatever is empty may be missing or null.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from monitor.ingest.decode import Undecodable, load_leniently
from monitor.otlp.points import (
    CUMULATIVE,
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
    Kind,
    Malformed,
    Raised,
    Span,
    TooMany,
    Value,
    raised_from,
)

MIN_INT64 = -(2**63)
MAX_UINT64 = 2**64 - 1
Whole = int | str | None
Read = TypeVar("Read", bound="Struct")


class Struct(msgspec.Struct, rename="camel"):
    """Unknown fields are ignored."""


class AnyValue(Struct):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Whole = None
    double_value: float | str | None = None
    bytes_value: str | None = None
    array_value: "ArrayValue | None" = None
    kvlist_value: "KeyValueList | None" = None


class ArrayValue(Struct):
    values: list[AnyValue] | None = None


class KeyValue(Struct):
    key: str = ""
    value: AnyValue | None = None


class KeyValueList(Struct):
    values: list[KeyValue] | None = None


class Event(Struct):
    name: str | None = None
    attributes: list[KeyValue] | None = None


class Status(Struct):
    code: Whole = None
    message: str | None = None


class JsonSpan(Struct):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    flags: int | None = None
    kind: Whole = None
    start_time_unix_nano: Whole = None
    end_time_unix_nano: Whole = None
    attributes: list[KeyValue] | None = None
    events: list[Event] | None = None
    status: Status | None = None


class Resource(Struct):
    attributes: list[KeyValue] | None = None


class ScopeSpans(Struct):
    spans: list[JsonSpan] | None = None


class ResourceSpans(Struct):
    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None


class TraceRequest(Struct):
    resource_spans: list[ResourceSpans] | None = None


class Scope(Struct):
    name: str | None = None


class LogRecord(Struct):
    time_unix_nano: Whole = None
    observed_time_unix_nano: Whole = None
    event_name: str | None = None
    body: AnyValue | None = None
    attributes: list[KeyValue] | None = None


class ScopeLogs(Struct):
    scope: Scope | None = None
    log_records: list[LogRecord] | None = None


class ResourceLogs(Struct):
    resource: Resource | None = None
    scope_logs: list[ScopeLogs] | None = None


class LogsRequest(Struct):
    resource_logs: list[ResourceLogs] | None = None


class Buckets(Struct):
    offset: Whole = None
    bucket_counts: list[Whole] | None = None


class DataPoint(Struct):
    """A point of any kind; each has some of the members."""

    attributes: list[KeyValue] | None = None
    start_time_unix_nano: Whole = None
    time_unix_nano: Whole = None
    as_double: float | str | None = None
    as_int: Whole = None
    count: Whole = None
    sum: float | str | None = None
    max: float | str | None = None
    bucket_counts: list[Whole] | None = None
    explicit_bounds: list[float | str] | None = None
    scale: Whole = None
    zero_count: Whole = None
    positive: Buckets | None = None


class Points(Struct):
    data_points: list[DataPoint] | None = None
    aggregation_temporality: Whole = None


class Metric(Struct):
    name: str | None = None
    unit: str | None = None
    gauge: Points | None = None
    sum: Points | None = None
    histogram: Points | None = None
    exponential_histogram: Points | None = None
    summary: Points | None = None


KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
TEMPORALITIES = {
    "AGGREGATION_TEMPORALITY_DELTA": DELTA,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": CUMULATIVE,
}


class ScopeMetrics(Struct):
    metrics: list[Metric] | None = None


class ResourceMetrics(Struct):
    resource: Resource | None = None
    scope_metrics: list[ScopeMetrics] | None = None


class MetricsRequest(Struct):
    resource_metrics: list[ResourceMetrics] | None = None


def read_spans(body: bytes, *, most: int) -> list[Span]:
    """The spans of an ExportTraceServiceRequest. Raises Malformed, and TooMany for more than `most`."""
    request = parse(TraceRequest, body)
    scopes = [scope for each in request.resource_spans or () for scope in each.scope_spans or ()]
    if sum(len(scope.spans or ()) for scope in scopes) > most:
        raise TooMany
    return list(spans_of(request))


def read_events(body: bytes, *, most: int) -> tuple[list[Record], int]:
    """The events in an ExportLogsServiceRequest that we know, and the number of all its records.

    Raises Malformed, and TooMany for more than `most` records.
    """
    request = parse(LogsRequest, body)
    scopes = [scope for each in request.resource_logs or () for scope in each.scope_logs or ()]
    count = sum(len(scope.log_records or ()) for scope in scopes)
    if count > most:
        raise TooMany
    return list(events_of(request)), count


def events_of(request: LogsRequest) -> Iterator[Record]:
    for each in request.resource_logs or ():
        resource = attributes_of(each.resource.attributes) if each.resource else {}
        for scope in each.scope_logs or ():
            if scope.scope is None or scope.scope.name != EVENT_SCOPE:
                continue
            for record in scope.log_records or ():
                event = record.event_name or str(attributes_of(record.attributes).get("event.name", ""))
                if event in EVENTS:
                    yield Record(
                        event=event,
                        time_ns=nanoseconds(record.time_unix_nano)
                        or nanoseconds(record.observed_time_unix_nano),
                        body=value_of(record.body),
                        resource=resource,
                    )


def read_points(body: bytes, *, most: int) -> tuple[list[Point], int]:
    """The points of an ExportMetricsServiceRequest that we know, and the number of all of them.

    Raises Malformed, and TooMany for more than `most`.
    """
    request = parse(MetricsRequest, body)
    told = [
        (metric, kind, points, each)
        for each in request.resource_metrics or ()
        for scope in each.scope_metrics or ()
        for metric in scope.metrics or ()
        for kind in KINDS
        if (points := getattr(metric, kind)) is not None
    ]
    count = sum(len(points.data_points or ()) for _, _, points, _ in told)
    if count > most:
        raise TooMany
    found = [
        point_of(
            metric, kind, points, point, attributes_of(each.resource.attributes) if each.resource else {}
        )
        for metric, kind, points, each in told
        if metric.name in READ
        for point in points.data_points or ()
    ]
    return found, count


def point_of(metric: Metric, kind: str, points: Points, point: DataPoint, resource: Attributes) -> Point:
    factor = factor_of(metric.name or "", metric.unit or "")
    told = points.aggregation_temporality
    temporality = TEMPORALITIES[told] if told in TEMPORALITIES else whole(told)
    buckets: dict[int, int] = {}
    if kind == "exponential_histogram":
        positive = point.positive or Buckets()
        buckets = exponential_buckets(
            scale=whole(point.scale),
            offset=whole(positive.offset),
            counts=[whole(count) for count in positive.bucket_counts or ()],
            zeros=whole(point.zero_count),
            factor=factor,
        )
    elif kind == "histogram":
        buckets = explicit_buckets(
            bounds=[real(bound) or 0.0 for bound in point.explicit_bounds or ()],
            counts=[whole(count) for count in point.bucket_counts or ()],
            # Of all since the start, the largest may be told again and again.
            most=real(point.max) if temporality == DELTA else None,
            factor=factor,
        )
    value = real(point.as_double)
    return Point(
        name=metric.name or "",
        unit=metric.unit or "",
        attributes=attributes_of(point.attributes),
        resource=resource,
        start_ns=nanoseconds(point.start_time_unix_nano),
        time_ns=nanoseconds(point.time_unix_nano),
        temporality=temporality,
        count=whole(point.count),
        total=finite(real(point.sum) or 0.0) * factor,
        buckets=buckets,
        value=value if value is not None or point.as_int is None else float(whole(point.as_int)),
    )


def real(number: float | str | None) -> float | None:
    """A number, which protobuf's JSON may write as text."""
    try:
        return None if number is None else float(number)
    except ValueError:
        return None


def parse(form: type[Read], body: bytes) -> Read:
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as error:
        raise Malformed(f"The body is not OTLP: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        # JavaScript that cuts a text inside an emoji leaves half a character, which is no JSON to msgspec.
        return convert(form, body)
    except RecursionError:
        raise Malformed("The JSON is nested too deeply.") from None


def convert(form: type[Read], body: bytes) -> Read:
    try:
        return msgspec.convert(load_leniently(body), form)
    except Undecodable as error:
        raise Malformed(str(error)) from None
    except msgspec.ValidationError as error:
        raise Malformed(f"The body is not OTLP: {error}") from None
    except RecursionError:
        raise Malformed("The JSON is nested too deeply.") from None


def spans_of(request: TraceRequest) -> Iterator[Span]:
    for each in request.resource_spans or ():
        resource = attributes_of(each.resource.attributes) if each.resource else {}
        for scope in each.scope_spans or ():
            for span in scope.spans or ():
                yield span_of(span, resource)


def span_of(span: JsonSpan, resource: Attributes) -> Span:
    kind = kind_of(span.kind)
    status = span.status or Status()
    return Span(
        trace_id=(span.trace_id or "").lower(),
        span_id=(span.span_id or "").lower(),
        parent_id=(span.parent_span_id or "").lower(),
        parent_is_remote=bool((span.flags or 0) & PARENT_IS_REMOTE),
        kind=kind,
        start_ns=nanoseconds(span.start_time_unix_nano),
        end_ns=nanoseconds(span.end_time_unix_nano),
        failed=status.code in (STATUS_ERROR, str(STATUS_ERROR), "STATUS_CODE_ERROR"),
        status_message=status.message or "",
        raised=last_raised(span.events or ()),
        attributes=attributes_of(span.attributes) if kind in REQUEST_KINDS else {},
        resource=resource,
    )


def kind_of(kind: Whole) -> int:
    """The number of a span kind, out of a number or a name; UNSPECIFIED when it is neither."""
    if isinstance(kind, str) and not kind.isdecimal():
        name = kind.removeprefix("SPAN_KIND_")
        return Kind[name] if name in Kind.__members__ else Kind.UNSPECIFIED
    return whole(kind)


def nanoseconds(text: Whole) -> int:
    number = whole(text)
    if not 0 <= number <= MAX_UINT64:
        raise Malformed("The body is not OTLP: a time is out of range.")
    return number


def whole(text: Whole) -> int:
    try:
        number = int(text or 0)
    except ValueError:
        raise Malformed("The body is not OTLP: a number was expected.") from None
    if not MIN_INT64 <= number <= MAX_UINT64:
        raise Malformed("The body is not OTLP: a number has more than 64 bits.")
    return number


def last_raised(events: Iterable[Event]) -> Raised | None:
    exceptions = [event for event in events if event.name == "exception"]
    return raised_from(attributes_of(exceptions[-1].attributes)) if exceptions else None


def attributes_of(pairs: Iterable[KeyValue] | None) -> dict[str, Value]:
    return {pair.key: value_of(pair.value) for pair in pairs or ()}


def value_of(value: AnyValue | None) -> Value:
    if value is None:
        return None
    for plain in (value.string_value, value.bool_value, value.double_value):
        if plain is not None:
            return plain
    if value.int_value is not None:
        return whole(value.int_value)
    if value.bytes_value is not None:
        return bytes_of(value.bytes_value)
    if value.array_value is not None:
        return [value_of(each) for each in value.array_value.values or ()]
    return attributes_of(value.kvlist_value.values) if value.kvlist_value is not None else None


def bytes_of(text: str) -> bytes:
    try:
        # Both alphabets are allowed in protobuf's JSON.
        return b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (Base64Error, ValueError):
        raise Malformed("The body is not OTLP: bytes are not base64.") from None
