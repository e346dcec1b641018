"""Data points and log records as we read them, whatever encoding they came in."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.lib.histogram import ZERO_BUCKET, bucket_of
from monitor.otlp.spans import Attributes, Value

# opentelemetry.proto.metrics.v1.AggregationTemporality.
DELTA, CUMULATIVE = 1, 2
DURATION = "http.server.request.duration"
REQUEST_SIZE, RESPONSE_SIZE = "http.server.request.body.size", "http.server.response.body.size"
CPU, MEMORY = "process.cpu.utilization", "process.memory.usage"
READ = frozenset({DURATION, REQUEST_SIZE, RESPONSE_SIZE, CPU, MEMORY})
# Durations are in seconds unless they say something else; sizes are in bytes.
FACTORS: Mapping[str, float] = {"s": 1000.0, "": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
# What Apitally's clients 1.x tell beside spans, in records of this scope.
EVENT_SCOPE = "apitally"
STARTUP, CONSUMER = "apitally.app.startup", "apitally.consumer.update"
VALIDATION_ERROR, SERVER_ERROR = "apitally.request.validation_error", "apitally.request.server_error"
EVENTS = frozenset({STARTUP, CONSUMER, VALIDATION_ERROR, SERVER_ERROR})
# Beyond these powers of two there is no latency, and a float ends.
MAX_POWER = 60.0
MAX_COUNT = 10**15


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """What a process counted under one set of attributes; `buckets` are ours, of milliseconds.

    `value` is that of a gauge. `temporality` tells whether the counts are since the point before.
    """

    name: str
    unit: str
    attributes: Attributes
    resource: Attributes
    start_ns: int = 0
    time_ns: int = 0
    temporality: int = 0
    count: int = 0
    total: float = 0.0
    buckets: Mapping[int, int] = field(default_factory=dict)
    value: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A log record that is an event of a client."""

    event: str
    time_ns: int
    body: Value
    resource: Attributes


def factor_of(name: str, unit: str) -> float:
    """What a value of this metric is multiplied by to be milliseconds, or bytes."""
    return FACTORS.get(unit, 1000.0) if name == DURATION else 1.0


def exponential_buckets(
    *, scale: int, offset: int, counts: Sequence[int], zeros: int, factor: float
) -> dict[int, int]:
    """Our buckets for those of an exponential histogram: each goes where its geometric middle lies."""
    found: dict[int, int] = {}
    if zeros:
        found[ZERO_BUCKET] = clamped(zeros)
    for place, count in enumerate(counts):
        if count:
            power = (offset + place + 0.5) / 2.0 ** max(-10, min(scale, 20))
            middle = 2.0 ** max(-MAX_POWER, min(power, MAX_POWER)) * factor
            add(found, middle, count)
    return found


def explicit_buckets(
    *, bounds: Sequence[float], counts: Sequence[int], most: float | None, factor: float
) -> dict[int, int]:
    """Our buckets for those of a histogram with bounds: each goes where its middle lies.

    The last one has no upper end: its middle is that between its lower end and the largest value, if told.
    """
    found: dict[int, int] = {}
    for place, count in enumerate(counts):
        if not count:
            continue
        low = bounds[place - 1] if 0 < place <= len(bounds) else 0.0
        high = bounds[place] if place < len(bounds) else max(most if most is not None else low, low)
        add(found, finite((low + high) / 2) * factor, count)
    return found


def add(buckets: dict[int, int], value_ms: float, count: int) -> None:
    bucket = bucket_of(min(max(value_ms, 0.0), 2.0**MAX_POWER))
    buckets[bucket] = buckets.get(bucket, 0) + clamped(count)


def finite(number: float) -> float:
    return number if math.isfinite(number) and number >= 0 else 0.0


def clamped(count: int) -> int:
    return max(0, min(count, MAX_COUNT))
