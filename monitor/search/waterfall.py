"""The logs of one trace, one under the other as they called each other, along the time they took."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.models import LogPayload, RequestLog
from monitor.models.logs import RequestLogQuerySet

MOST_STEPS = 100
# On either side: a trace is one call and what it led to, and a longer one has its search.
REACH = timedelta(hours=1)
LIMIT = timedelta(milliseconds=500)
DEEPEST = 8
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True)
class Span:
    """What a log says of its place in the trace; empty where it says nothing."""

    own: str = ""
    parent: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One log. `start` and `share` are parts of the whole time, from 0 to 1."""

    log: RequestLog
    depth: int
    offset_ms: float
    start: float
    share: float
    is_this: bool


@dataclass(frozen=True, kw_only=True)
class Waterfall:
    """`is_cut` says that the trace has more logs than are shown."""

    steps: Sequence[Step]
    whole_ms: float
    is_cut: bool


def waterfall_of(log: RequestLog, visible: RequestLogQuerySet) -> Waterfall | None:
    """The log's trace, as far as it lies in the log's organization; None when it is alone."""
    if not log.trace_id:
        return None
    try:
        with time_limit(LIMIT):
            found = list(trace_logs(log, visible)[: MOST_STEPS + 1])
            if len(found) < 2:
                return None
            logs = with_this(found[:MOST_STEPS], log)
            spans = spans_of(logs)
    except TookTooLong:
        return None
    return draw(logs, spans, this=log.id, is_cut=len(found) > MOST_STEPS)


def trace_logs(log: RequestLog, visible: RequestLogQuerySet) -> RequestLogQuerySet:
    """Ordered by the moment and not by id: by id, the planner would walk the days and look for the trace."""
    around = visible.filter(
        trace_id=log.trace_id, service__organization_id=log.service.organization_id
    ).within(log.captured_at - REACH, log.captured_at + REACH)
    return around.with_names().order_by("captured_at", "id")


def with_this(logs: list[RequestLog], this: RequestLog) -> list[RequestLog]:
    """The logs with the one that is looked at, also where it comes after those that are shown."""
    return logs if any(each.id == this.id for each in logs) else [*logs[:-1], this]


def spans_of(logs: Sequence[RequestLog]) -> Mapping[UUID, Span]:
    contents = LogPayload.objects.contents_by_id(log.id for log in logs)
    return {log_id: span_in(each) for log_id, each in contents.items()}


def span_in(contents: Mapping[str, Any]) -> Span:
    return Span(own=contents.get("span_id", ""), parent=contents.get("parent_span_id", ""))


def draw(
    logs: Sequence[RequestLog], spans: Mapping[UUID, Span], *, this: UUID, is_cut: bool = False
) -> Waterfall:
    """Logs in order of time become steps, those that were called under the one that called them."""
    begin = min(log.captured_at for log in logs)
    whole_ms = max(offset_ms(log, begin) + (log.latency_ms or 0) for log in logs) or 1.0
    steps = [
        Step(
            log=log,
            depth=min(depth, DEEPEST),
            offset_ms=offset_ms(log, begin),
            start=offset_ms(log, begin) / whole_ms,
            share=(log.latency_ms or 0) / whole_ms,
            is_this=log.id == this,
        )
        for log, depth in nested(logs, spans)
    ]
    return Waterfall(steps=steps, whole_ms=whole_ms, is_cut=is_cut)


def offset_ms(log: RequestLog, begin: datetime) -> float:
    return (log.captured_at - begin) / MILLISECOND


def nested(logs: Sequence[RequestLog], spans: Mapping[UUID, Span]) -> Iterator[tuple[RequestLog, int]]:
    """Each log once, with how many of the others it lies in."""
    by_span: dict[str, UUID] = {}
    for log in logs:
        # Of two that call themselves the same, the first one.
        by_span.setdefault(spans.get(log.id, Span()).own, log.id)
    by_span.pop("", None)
    called: dict[UUID | None, list[RequestLog]] = defaultdict(list)
    for log in logs:
        caller = by_span.get(spans.get(log.id, Span()).parent)
        called[caller if caller != log.id else None].append(log)
    told: set[UUID] = set()
    waiting = [(log, 0) for log in reversed(called[None])]
    while waiting:
        log, depth = waiting.pop()
        told.add(log.id)
        yield log, depth
        waiting += [(inner, depth + 1) for inner in reversed(called[log.id])]
    # Damaged parents may form a ring, which hangs on nothing.
    yield from ((log, 0) for log in logs if log.id not in told)
