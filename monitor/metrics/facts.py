"""What a transaction of logs adds to the numbers: packed into one row, and read back.

One row for each log would double the cost of keeping it (measured), and adding up four families while the
sender waits took 4 us a log. So a delta holds a short line for each log, with whatever repeats said once, and
the adding up is left to whoever reads it.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol
from uuid import UUID

import msgspec
import zstandard

from monitor.lib.histogram import bucket_of


class Described(Protocol):
    """What numbers are made of."""

    @property
    def organization_id(self) -> UUID: ...
    @property
    def service_id(self) -> UUID: ...
    @property
    def environment(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def consumer_identifier(self) -> str: ...
    @property
    def status_code(self) -> int | None: ...
    @property
    def failed(self) -> bool: ...
    @property
    def latency_ms(self) -> float | None: ...
    @property
    def request_bytes(self) -> int | None: ...
    @property
    def response_bytes(self) -> int | None: ...
    @property
    def captured_at(self) -> datetime: ...


class Kept(Described, Protocol):
    """A log that was kept, as the numbers see it."""

    @property
    def id(self) -> UUID: ...


class Tallied(Described, Protocol):
    """Requests that a client counted; `latency_ms` is the sum over `buckets`. Of how many the sizes are, is
    null where the client does not tell."""

    @property
    def requests(self) -> int: ...
    @property
    def buckets(self) -> Mapping[int, int]: ...
    @property
    def request_sized(self) -> int | None: ...
    @property
    def response_sized(self) -> int | None: ...


class Names(Protocol):
    """The ids of a log's endpoint and consumer."""

    def endpoint_of(self, entry: Any) -> UUID: ...
    def consumer_of(self, entry: Any) -> UUID | None: ...


class Fact(msgspec.Struct, gc=False):
    """Logs that nothing but their latencies tells apart. `minute` counts from the epoch."""

    minute: int
    service: bytes
    environment: str
    mode: str
    method: str
    status_code: int | None
    failed: bool
    endpoint: bytes
    consumer: bytes
    requests: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    latency_ms: float = 0.0
    buckets: list[int] = msgspec.field(default_factory=list)
    # Of what a client counted: buckets with their counts, in place of one entry for each request.
    counts: dict[int, int] = msgspec.field(default_factory=dict)
    source: str = "logs"
    # How many told the sizes of their bodies; as if all had, where a client does not say.
    request_sized: int = 0
    response_sized: int = 0
    is_sized: bool = True


# Service, environment, mode, method, status code, whether it failed, endpoint.
Group = tuple[bytes, str, str, str, int | None, bool, bytes]
# Minute, places of group and consumer, latency in ms, bytes of request and response.
Line = tuple[int, int, int, float | None, int | None, int | None]
# The same, then requests, bytes of requests and responses, sum of the latencies, and their buckets.
CountedLine = tuple[int, int, int, int, int, int, float, dict[int, int]]


class Delta(msgspec.Struct, array_like=True, gc=False):
    groups: list[Group]
    consumers: list[bytes]
    lines: list[Line]
    counted: list[CountedLine] = msgspec.field(default_factory=list)
    # Of each counted line, how many requests and responses its bytes are of. Deltas from before have none.
    sized: list[tuple[int | None, int | None]] = msgspec.field(default_factory=list)


class _Codec(threading.local):
    """One compressor and decompressor a thread: zstandard's objects must not be shared."""

    def __init__(self) -> None:
        # The fastest level: what is spelled out twice are ids, and those it finds.
        self.compressor = zstandard.ZstdCompressor(level=1)
        self.decompressor = zstandard.ZstdDecompressor()


codec = _Codec()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Delta).decode


# The numbers within ids: a UUID hashes in Python, at several times the cost.
_group_key = attrgetter("service_id.int", "environment", "mode", "method", "route", "status_code", "failed")
# An identifier means another consumer in another organization.
_consumer_key = attrgetter("organization_id.int", "consumer_identifier")


def pack(logs: Sequence[Kept], names: Names) -> bytes:
    """The delta of these logs. On the way of every log: about 2 us each."""
    groups: dict[Any, int] = {}
    consumers: dict[Any, int] = {}
    # Of each group and consumer one log that shows it.
    shown_groups: list[Kept] = []
    shown_consumers: list[Kept] = []
    lines: list[Line] = []
    for log in logs:
        group_key = _group_key(log)
        group = groups.get(group_key)
        if group is None:
            group = groups[group_key] = len(groups)
            shown_groups.append(log)
        consumer_key = _consumer_key(log)
        consumer = consumers.get(consumer_key)
        if consumer is None:
            consumer = consumers[consumer_key] = len(consumers)
            shown_consumers.append(log)
        minute = int(log.captured_at.timestamp()) // 60
        lines.append((minute, group, consumer, log.latency_ms, log.request_bytes, log.response_bytes))
    delta = Delta(
        groups=[_group_of(log, names) for log in shown_groups],
        consumers=[_consumer_of(log, names) for log in shown_consumers],
        lines=lines,
    )
    return codec.compressor.compress(_encode(delta))


def pack_counted(counted: Sequence[Tallied], names: Names) -> bytes:
    """The delta of what clients counted. Few and already added up, so nothing is said only once."""
    lines: list[CountedLine] = []
    for place, each in enumerate(counted):
        minute = int(each.captured_at.timestamp()) // 60
        sizes = (each.requests, each.request_bytes or 0, each.response_bytes or 0, each.latency_ms or 0.0)
        lines.append((minute, place, place, *sizes, dict(each.buckets)))
    delta = Delta(
        groups=[_group_of(each, names) for each in counted],
        consumers=[_consumer_of(each, names) for each in counted],
        lines=[],
        counted=lines,
        sized=[(each.request_sized, each.response_sized) for each in counted],
    )
    return codec.compressor.compress(_encode(delta))


def _group_of(log: Described, names: Names) -> Group:
    return (
        log.service_id.bytes,
        log.environment,
        log.mode,
        log.method,
        log.status_code,
        log.failed,
        names.endpoint_of(log).bytes,
    )


def _consumer_of(log: Described, names: Names) -> bytes:
    consumer_id = names.consumer_of(log)
    return consumer_id.bytes if consumer_id is not None else b""


def unpack(packed: bytes | memoryview) -> list[Fact]:
    """What `pack` packed, in as few facts as hold it."""
    delta = _decode(codec.decompressor.decompress(bytes(packed)))
    facts: dict[tuple[int, int, int], Fact] = {}
    for minute, group, consumer, latency_ms, request_bytes, response_bytes in delta.lines:
        key = (minute, group, consumer)
        fact = facts.get(key)
        if fact is None:
            fact = facts[key] = Fact(minute, *delta.groups[group], delta.consumers[consumer])
        fact.requests += 1
        if request_bytes is not None:
            fact.request_bytes += request_bytes
            fact.request_sized += 1
        if response_bytes is not None:
            fact.response_bytes += response_bytes
            fact.response_sized += 1
        if latency_ms is not None:
            fact.latency_ms += latency_ms
            fact.buckets.append(bucket_of(latency_ms))
    sized = delta.sized or [(None, None)] * len(delta.counted)
    counted = zip(delta.counted, sized, strict=True)
    return [*facts.values(), *(_fact_of(line, of, delta) for line, of in counted)]


def _fact_of(line: CountedLine, sized: tuple[int | None, int | None], delta: Delta) -> Fact:
    minute, group, consumer, requests, request_bytes, response_bytes, latency_ms, counts = line
    return Fact(
        minute,
        *delta.groups[group],
        delta.consumers[consumer],
        requests=requests,
        request_bytes=request_bytes,
        response_bytes=response_bytes,
        latency_ms=latency_ms,
        counts=counts,
        source="client",
        request_sized=sized_of(sized[0], requests, request_bytes),
        response_sized=sized_of(sized[1], requests, response_bytes),
        is_sized=None not in sized or not (request_bytes or response_bytes),
    )


def sized_of(sized: int | None, requests: int, size: int) -> int:
    """How many told a size, all of them where that is not known: without a byte, none did."""
    if sized is None:
        return requests if size else 0
    return sized
