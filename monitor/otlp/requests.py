"""From spans to log items: which of them are requests, and what each of them says."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from monitor.ingest import fit
from monitor.ingest.decode import LogItem, Undecodable, convert_item
from monitor.lib import masking, routes
from monitor.otlp import conventions
from monitor.otlp.spans import Attributes, Kind, Raised, Span, Value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")

# Deeper than any real trace.
MAX_DEPTH = 32
# What clients put in the place of a body.
TOO_LARGE, REDACTED = "[BODY_TOO_LARGE]", "[REDACTED]"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The items of the spans that are requests, and how many spans were none, by what they were."""

    items: list[LogItem | Undecodable]
    ignored: Counter[str]


def read_requests(spans: Sequence[Span]) -> Reading:
    """The requests among the spans of one body."""
    # Damaged ids name nobody's parent.
    by_id = {(span.trace_id, span.span_id): span for span in spans if SPAN_ID.fullmatch(span.span_id)}
    inner = raised_within(spans, by_id)
    items: list[LogItem | Undecodable] = []
    ignored: Counter[str] = Counter()
    for span in spans:
        if reason := why_ignored(span, by_id):
            ignored[reason] += 1
            continue
        raised = span.raised or (inner.get((span.trace_id, span.span_id)) if span.failed else None)
        try:
            items.append(item_of(span, raised, parent_of(span, by_id)))
        except Undecodable as error:
            items.append(error)
    return Reading(items=items, ignored=ignored)


SpanKey = tuple[str, str]


def why_ignored(span: Span, by_id: Mapping[SpanKey, Span]) -> str | None:
    """What kind of span this is, when it is no request to keep."""
    if span.kind not in (Kind.SERVER, Kind.CLIENT):
        return (Kind(span.kind).name if span.kind in set(Kind) else "UNKNOWN").lower()
    method = conventions.method_of(span.attributes)
    if method is None:
        return f"{Kind(span.kind).name.lower()} without an HTTP method"
    if span.kind == Kind.CLIENT:
        return None
    if method.upper() == "OPTIONS":
        return "OPTIONS"
    parent = None if span.parent_is_remote else by_id.get((span.trace_id, span.parent_id))
    # Two layers of one application that both report the request: the outer one has seen all of it.
    return "inner server" if parent is not None and parent.kind == Kind.SERVER else None


def parent_of(span: Span, by_id: Mapping[SpanKey, Span]) -> str | None:
    """The nearest span around this one that is kept too, or the one at which the body ends."""
    for _ in range(MAX_DEPTH):
        outer = by_id.get((span.trace_id, span.parent_id))
        if outer is None:
            return span.parent_id if SPAN_ID.fullmatch(span.parent_id) else None
        if why_ignored(outer, by_id) is None:
            return outer.span_id
        span = outer
    return None


def raised_within(spans: Iterable[Span], by_id: Mapping[SpanKey, Span]) -> dict[SpanKey, Raised]:
    """For each server span, an exception that was recorded on a span inside it; Node's clients do so."""
    found: dict[SpanKey, Raised] = {}
    for span in spans:
        if span.raised is None or span.kind == Kind.SERVER:
            continue
        outer = server_around(span, by_id)
        if outer is not None:
            found[outer.trace_id, outer.span_id] = span.raised
    return found


def server_around(span: Span, by_id: Mapping[SpanKey, Span]) -> Span | None:
    """The nearest server span that this one lies in, as far as the spans came together."""
    # Bounded, since damaged parents may form a ring.
    for _ in range(MAX_DEPTH):
        outer = by_id.get((span.trace_id, span.parent_id))
        if outer is None or outer.kind == Kind.SERVER:
            return outer
        span = outer
    return None


def item_of(span: Span, raised: Raised | None, parent: str | None) -> LogItem:
    """The log item of one request. Raises Undecodable."""
    if not TRACE_ID.fullmatch(span.trace_id):
        raise Undecodable("The trace id is not 16 bytes.", field="trace_id")
    if not SPAN_ID.fullmatch(span.span_id):
        raise Undecodable("The span id is not 8 bytes.", field="span_id")
    attributes = span.attributes
    path, query = conventions.path_and_query(attributes)
    request_headers = fit.headers(conventions.headers_of(attributes, "request"))
    request_body, request_note = body(attributes.get("apitally.request.body"))
    response_body, response_note = body(attributes.get("apitally.response.body"))
    is_client = span.kind == Kind.CLIENT
    notes = {
        "span.kind": "client" if is_client else "",
        "request_body": request_note,
        "response_body": response_note,
    }
    return convert_item(
        {
            "method": conventions.method_of(attributes),
            "url": fit.cut(conventions.url_of(attributes), fit.MAX_URL),
            "path": fit.cut(path, fit.MAX_PATH),
            "route": fit.cut(route(span, path), fit.MAX_ROUTE),
            "status_code": status_code(attributes),
            "latency_ms": latency_ms(span),
            "query_params": fit.query_params(query),
            "request_headers": request_headers,
            "request_body": request_body,
            "response_headers": fit.headers(conventions.headers_of(attributes, "response")),
            "response_body": response_body,
            "error": error_text(span, raised),
            "source_ip": None if is_client else source_ip(attributes, request_headers),
            "tags": tags(span, notes),
            "timestamp": EPOCH + timedelta(microseconds=span.start_ns // 1000),
            "consumer": fit.cut(conventions.text(attributes, conventions.CONSUMER), fit.MAX_CONSUMER),
            "environment": fit.cut(environment(span), fit.MAX_ENVIRONMENT),
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_span_id": parent,
            # Together with the start, which is the same in each repeat, so that repeats are kept once.
            "event_id": f"{span.trace_id}:{span.span_id}",
        }
    )


def route(span: Span, path: str) -> str | None:
    """The template. Outgoing calls have their host before it: `GET /orders` of ours and of someone else's
    are two endpoints."""
    if span.kind == Kind.SERVER:
        return conventions.route_of(span.attributes)
    template = conventions.text(span.attributes, ["url.template"]) or routes.infer_route(path)
    return f"{conventions.host_of(span.attributes) or ''}{template}"


def environment(span: Span) -> str | None:
    return conventions.text(span.resource, conventions.ENVIRONMENT)


def status_code(attributes: Attributes) -> int | None:
    status = conventions.whole(attributes, conventions.STATUS)
    return status if status is not None and 0 <= status <= 999 else None


def latency_ms(span: Span) -> float | None:
    """None for a span without an end, or with one before its start."""
    if span.end_ns < span.start_ns:
        return None
    return min((span.end_ns - span.start_ns) / 1e6, fit.MAX_LATENCY_MS)


def body(value: Value) -> tuple[str | None, str]:
    """A captured body, and a word on why it is missing although there was one."""
    if isinstance(value, bytes):
        if value.startswith(fit.GZIP_MAGIC):
            return None, "compressed"
        value = value.decode(errors="replace")
    if not isinstance(value, str) or not value:
        return None, ""
    if value == TOO_LARGE:
        return None, "too large"
    return (masking.MASK if value == REDACTED else value), ""


def error_text(span: Span, raised: Raised | None) -> str | None:
    """The exception; else what the sender calls the error, unless that is the status code once more."""
    if raised is not None:
        return fit.error_text(
            type=raised.type, message=raised.message, stack=raised.stack, limit=settings.MAX_BODY_BYTES
        )
    kind = conventions.text(span.attributes, ["error.type"]) or ""
    if kind.isdecimal() or not (kind or span.failed):
        return None
    return ": ".join(part for part in (kind, span.status_message) if part) or None


def source_ip(attributes: Attributes, request_headers: Mapping[str, str | list[str]] | None) -> str | None:
    return conventions.client_address_of(attributes, fit.first_forwarded(request_headers))


def tags(span: Span, notes: Mapping[str, Any]) -> list[str] | None:
    """`name=value`: what the application told of the request, whose span it is, and what was left out."""
    chosen = span.attributes.get("apitally.request.custom_attribute_keys")
    names = [name for name in chosen if isinstance(name, str)] if isinstance(chosen, list) else []
    pairs = [(name, conventions.plain(span.attributes.get(name))) for name in names]
    for name in ("service.name", "service.version"):
        value = conventions.plain(span.resource.get(name))
        # What SDKs call a service that nobody named.
        pairs.append((name, "" if value.startswith("unknown_service") else value))
    pairs += notes.items()
    return fit.tags(pairs)
