"""From data points and events to reports: what a process counted, and what it says of itself.

A process is known by `service.instance.id`. Counts come from `http.server.request.duration`, exponential or
with bounds; other metrics are no requests. Events are those of Apitally's clients 1.x.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from monitor.ingest import fit
from monitor.ingest.growing import Series
from monitor.ingest.reports import ConsumerDetails, Count, ErrorGroup, InstanceDetails, Report
from monitor.models.clients import ErrorKind
from monitor.otlp import conventions
from monitor.otlp.points import (
    CONSUMER,
    CPU,
    CUMULATIVE,
    DELTA,
    DURATION,
    MEMORY,
    REQUEST_SIZE,
    RESPONSE_SIZE,
    STARTUP,
    VALIDATION_ERROR,
    Point,
    Record,
)
from monitor.otlp.spans import Attributes, Value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The year 2262, where 64 signed bits of nanoseconds end.
MAX_NS = 2**63 - 1
# Requests that no route was found for: their paths are not told.
NO_ROUTE = "(no route)"
MAX_VERSIONS = 50
MAX_ERRORS = 500
MAX_COUNT = 10**12


@dataclass(kw_only=True)
class Process:
    """What one process told in one body."""

    environment: str
    resource: Attributes
    told_ns: int = 0
    counts: dict[tuple[Any, ...], Count] = field(default_factory=dict)
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    started: bool = False
    versions: dict[str, str] | None = None
    framework: str = ""
    paths: list[tuple[str, str]] = field(default_factory=list)
    consumers: list[ConsumerDetails] = field(default_factory=list)
    errors: list[ErrorGroup] = field(default_factory=list)

    @property
    def name(self) -> str:
        return conventions.text(self.resource, ["service.instance.id"]) or ""

    def report(self, body_digest: str) -> Report:
        return Report(
            message_id=f"otlp:{body_digest}:{self.environment}:{self.name}",
            environment=self.environment,
            told_at=moment_of(self.told_ns),
            instance=self.instance() if self.name else None,
            counts=list(self.counts.values()),
            consumers=self.consumers,
            paths=self.paths,
            errors=self.errors[:MAX_ERRORS],
        )

    def instance(self) -> InstanceDetails:
        distribution = conventions.text(self.resource, ["telemetry.distro.name"])
        language = conventions.text(self.resource, ["telemetry.sdk.language"]) or "unknown"
        version = conventions.text(self.resource, ["telemetry.distro.version"])
        versions = dict(self.versions or {})
        if versions and version:
            versions["apitally"] = version
        client = f"{distribution or 'opentelemetry'}:{self.framework or language}"
        return InstanceDetails(
            name=self.name,
            started=self.started,
            # The framework is told once, at the start, and stands as it was told then.
            client=client if self.started or not distribution else None,
            versions=versions or None,
            cpu_percent=self.cpu_percent,
            memory_bytes=self.memory_bytes,
        )


def reports_of_points(points: Iterable[Point], body: bytes) -> tuple[list[Report], int]:
    """What the points told, and how many of them did."""
    processes: dict[tuple[str, str], Process] = {}
    taken = 0
    # Counts first, so that sizes find theirs.
    for point in sorted(points, key=lambda point: point.name != DURATION):
        taken += take_point(process_of(processes, point.resource), point)
    return reports(processes, body), taken


def reports_of_records(records: Iterable[Record], body: bytes) -> tuple[list[Report], int]:
    """What the events told, and how many of them did."""
    processes: dict[tuple[str, str], Process] = {}
    taken = 0
    for record in records:
        taken += take_event(process_of(processes, record.resource), record)
    return reports(processes, body), taken


def reports(processes: Mapping[tuple[str, str], Process], body: bytes) -> list[Report]:
    digest = hashlib.sha256(body).hexdigest()
    return [each.report(digest) for each in processes.values()]


def process_of(processes: dict[tuple[str, str], Process], resource: Attributes) -> Process:
    environment = fit.cut(conventions.text(resource, conventions.ENVIRONMENT), fit.MAX_ENVIRONMENT) or ""
    name = conventions.text(resource, ["service.instance.id"]) or ""
    return processes.setdefault((environment, name), Process(environment=environment, resource=resource))


def take_point(process: Process, point: Point) -> bool:
    """Add the point to what its process told; False for one that tells nothing we keep."""
    process.told_ns = max(process.told_ns, point.time_ns)
    if point.name == CPU and point.value is not None:
        process.cpu_percent = max(point.value, 0.0) * 100
    elif point.name == MEMORY and point.value is not None:
        process.memory_bytes = int(max(0.0, min(point.value, 2.0**62)))
    elif point.name == DURATION and point.temporality in (DELTA, CUMULATIVE):
        add_count(process, point)
    elif point.name in (REQUEST_SIZE, RESPONSE_SIZE) and key_of(point) in process.counts:
        add_size(process, point)
    else:
        return False
    return True


def key_of(point: Point) -> tuple[Any, ...]:
    attributes = point.attributes
    return (
        conventions.method_of(attributes) or "",
        conventions.route_of(attributes) or NO_ROUTE,
        conventions.whole(attributes, conventions.STATUS),
        conventions.text(attributes, conventions.CONSUMER) or "",
        point.start_ns,
        point.time_ns,
        point.temporality,
        # Whatever else tells series apart.
        repr(sorted(attributes.items(), key=lambda pair: pair[0])),
    )


def add_count(process: Process, point: Point) -> None:
    key = key_of(point)
    method, route, status_code, consumer = key[:4]
    made = Count(
        # A delta is of the requests since its start; of a series that only grows, the last is told now.
        counted_at=moment_of(point.start_ns if point.temporality == DELTA else point.time_ns) or EPOCH,
        method=method,
        route=route,
        status_code=status_code if status_code is not None and 0 <= status_code <= 999 else None,
        consumer=consumer,
        requests=max(0, min(point.count, MAX_COUNT)),
        # Until a histogram of sizes tells of some.
        request_sized=0,
        response_sized=0,
        latency_ms=point.total,
        buckets=dict(point.buckets),
        series=series_of(process, point) if point.temporality == CUMULATIVE else None,
    )
    process.counts[key] = made


def series_of(process: Process, point: Point) -> Series:
    """Which of a process's growing counts this is.

    Processes that name no instance are told apart by their starts: no two are alike to the nanosecond.
    """
    resource = sorted(process.resource.items(), key=lambda pair: pair[0])
    named = repr((process.environment, resource, key_of(point)[-1], point.start_ns))
    name = hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest()
    return Series(name=name, until_ns=min(point.time_ns, MAX_NS))


def add_size(process: Process, point: Point) -> None:
    key = key_of(point)
    size = int(max(0.0, min(point.total, float(MAX_COUNT))))
    sized = max(0, min(point.count, MAX_COUNT))
    if point.name == REQUEST_SIZE:
        process.counts[key] = replace(process.counts[key], request_bytes=size, request_sized=sized)
    else:
        process.counts[key] = replace(process.counts[key], response_bytes=size, response_sized=sized)


def take_event(process: Process, record: Record) -> bool:
    """Add the event to what its process told; False for one that cannot be read."""
    process.told_ns = max(process.told_ns, record.time_ns)
    if record.event == STARTUP:
        return take_startup(process, record.body)
    body = record.body
    if not isinstance(body, dict):
        return False
    if record.event == CONSUMER:
        identifier = word(body, "identifier")
        process.consumers.append(
            ConsumerDetails(
                identifier=identifier, name=word(body, "name") or None, group=word(body, "group") or None
            )
        )
        return bool(identifier)
    process.errors += errors_of(record.event, body)
    return True


def take_startup(process: Process, body: Value) -> bool:
    """JSON within a text."""
    try:
        told = msgspec.json.decode(body) if isinstance(body, str) else None
    except (msgspec.DecodeError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return False
    process.started = True
    process.framework = word(told, "framework")
    versions = told.get("versions")
    if isinstance(versions, dict):
        pairs = ((str(name)[:64], str(version)[:64]) for name, version in versions.items())
        process.versions = dict(list(pairs)[:MAX_VERSIONS])
    paths = told.get("paths")
    for each in paths if isinstance(paths, list) else ():
        if isinstance(each, dict) and word(each, "method") and word(each, "path"):
            process.paths.append((word(each, "method"), word(each, "path")))
    return True


def errors_of(event: str, body: Mapping[str, Value]) -> list[ErrorGroup]:
    """An error once for each consumer that met it."""
    where = [word(body, "source"), word(body, "field")]
    alike = {
        "kind": ErrorKind.VALIDATION if event == VALIDATION_ERROR else ErrorKind.SERVER,
        "method": word(body, "method"),
        "route": word(body, "path"),
        "type": word(body, "type"),
        "message": word(body, "message"),
        "field": ".".join(part for part in where if part),
        "traceback": word(body, "stacktrace"),
        "sentry_event_id": word(body, "sentry_event_id"),
    }
    counts = body.get("counts")
    # Clients from before the release had one consumer and count in place of the list.
    listed: Sequence[Value] = counts if isinstance(counts, list) else [dict(body)]
    by_consumer: dict[str, int] = defaultdict(int)
    for each in listed:
        if isinstance(each, dict) and isinstance(count := each.get("count"), int):
            by_consumer[word(each, "consumer")] += max(0, min(count, MAX_COUNT))
    return [ErrorGroup(**alike, consumer=name, count=count) for name, count in by_consumer.items()]


def word(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def moment_of(nanoseconds: int) -> datetime | None:
    return EPOCH + timedelta(microseconds=min(nanoseconds, MAX_NS) // 1000) if nanoseconds else None
