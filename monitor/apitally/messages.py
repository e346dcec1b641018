"""Reads the startup and sync messages of Apitally's clients 0.x.

Clients of many versions and languages send them: what is missing or null is left out, an entry that cannot be
read is skipped, and unknown members are ignored.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from monitor.ingest.decode import Undecodable, load_leniently
from monitor.ingest.reports import ConsumerDetails, Count, ErrorGroup, InstanceDetails, Report
from monitor.lib.counting import count_rejected
from monitor.lib.histogram import bucket_of
from monitor.models.clients import ErrorKind

# Response times are told by tens of milliseconds, rounded down: so each stands for the middle of its ten.
HALF_A_BIN_MS = 5
MAX_BINS = 10_000
MAX_ENTRIES = 20_000
MAX_ERRORS = 500
MAX_VERSIONS = 50
MAX_VERSION_CHARS = 64
# No counter of a client that runs for an hour is larger, and sums of a thousand still fit the columns.
MAX_COUNT = 10**12

Some = Annotated[int, Meta(ge=0, le=MAX_COUNT)]


class Requests(msgspec.Struct):
    """Requests of one consumer, method, path and status, since the sync before."""

    method: str
    path: str
    request_count: Some
    status_code: Annotated[int, Meta(ge=0, le=999)] | None = None
    consumer: str | None = None
    request_size_sum: Some | None = None
    response_size_sum: Some | None = None
    # Counts by kilobytes, of those requests whose size was known.
    request_sizes: Annotated[dict[Some, Some], Meta(max_length=MAX_BINS)] | None = None
    response_sizes: Annotated[dict[Some, Some], Meta(max_length=MAX_BINS)] | None = None
    response_times: Annotated[dict[Some, Some], Meta(max_length=MAX_BINS)] | None = None


class ValidationError(msgspec.Struct):
    method: str
    path: str
    error_count: Some
    consumer: str | None = None
    loc: list[Any] | None = None
    msg: str | None = None
    type: str | None = None


class ServerError(msgspec.Struct):
    method: str
    path: str
    error_count: Some
    consumer: str | None = None
    type: str | None = None
    msg: str | None = None
    traceback: str | None = None
    sentry_event_id: str | None = None


class Known(msgspec.Struct):
    """A consumer's details."""

    identifier: str
    name: str | None = None
    group: str | None = None


class Resources(msgspec.Struct):
    cpu_percent: Annotated[float, Meta(ge=0, le=1e6)] | None = None
    memory_rss: Annotated[int, Meta(ge=0, le=2**62)] | None = None


class Path(msgspec.Struct):
    method: str
    path: str


Entry = TypeVar("Entry", bound=msgspec.Struct)


def read_startup(body: bytes, environment: str) -> Report:
    """What a client says when its application starts. Raises Undecodable."""
    message = members_of(body)
    paths = [(each.method, each.path) for each in entries(message, "paths", Path) if each.path]
    return Report(
        message_id=message_id(message, "startup", environment, body),
        environment=environment,
        instance=InstanceDetails(
            name=text(message.get("instance_uuid")) or "",
            started=True,
            client=text(message.get("client")),
            versions=versions(message.get("versions")),
        ),
        paths=paths,
    )


def read_sync(body: bytes, environment: str, *, now: datetime) -> Report:
    """What a client says every ten seconds to a minute. Raises Undecodable."""
    message = members_of(body)
    told_at = told_moment(message, now=now)
    resources = one(message.get("resources"), Resources) or Resources()
    return Report(
        message_id=message_id(message, "sync", environment, body),
        environment=environment,
        told_at=told_at,
        instance=InstanceDetails(
            name=text(message.get("instance_uuid")) or "",
            cpu_percent=resources.cpu_percent,
            memory_bytes=resources.memory_rss,
        ),
        counts=[count_of(each, told_at) for each in entries(message, "requests", Requests)],
        consumers=[
            ConsumerDetails(identifier=each.identifier, name=each.name, group=each.group)
            for each in entries(message, "consumers", Known)
        ],
        errors=[
            *map(validation_error, entries(message, "validation_errors", ValidationError, most=MAX_ERRORS)),
            *map(server_error, entries(message, "server_errors", ServerError, most=MAX_ERRORS)),
        ],
    )


def members_of(body: bytes) -> Mapping[str, Any]:
    """The JSON object in the body. Raises Undecodable."""
    try:
        message = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = load_leniently(body)
    except RecursionError:
        raise Undecodable("The JSON is nested too deeply.", code="malformed_json") from None
    if not isinstance(message, dict):
        raise Undecodable("A JSON object is expected.")
    return message


def message_id(message: Mapping[str, Any], call: str, environment: str, body: bytes) -> str:
    """What the client calls the message; else its digest, since repeats are the same to the byte."""
    name = text(message.get("message_uuid")) or hashlib.sha256(body).hexdigest()
    return f"{call}:{environment}:{name}"


def told_moment(message: Mapping[str, Any], *, now: datetime) -> datetime:
    """When the message was written. Clients 0.11 to 0.14 tell how many seconds ago that was."""
    stamp, offset = (number(message.get(name)) for name in ("timestamp", "time_offset"))
    if stamp is not None and 0 <= stamp < 1e11:
        return datetime.fromtimestamp(stamp, tz=UTC)
    if offset is not None and 0 <= offset < 86_400:
        return now - timedelta(seconds=offset)
    return now


def count_of(requests: Requests, told_at: datetime) -> Count:
    buckets: dict[int, int] = {}
    total = 0.0
    for bin_ms, count in (requests.response_times or {}).items():
        middle = bin_ms + HALF_A_BIN_MS
        bucket = bucket_of(middle)
        buckets[bucket] = buckets.get(bucket, 0) + count
        total += middle * count
    return Count(
        counted_at=told_at,
        method=requests.method,
        route=requests.path,
        status_code=requests.status_code,
        consumer=requests.consumer or "",
        requests=requests.request_count,
        request_bytes=requests.request_size_sum or 0,
        response_bytes=requests.response_size_sum or 0,
        request_sized=sum(requests.request_sizes.values()) if requests.request_sizes is not None else None,
        response_sized=sum(requests.response_sizes.values()) if requests.response_sizes is not None else None,
        latency_ms=total,
        buckets=buckets,
    )


def validation_error(error: ValidationError) -> ErrorGroup:
    return ErrorGroup(
        kind=ErrorKind.VALIDATION,
        method=error.method,
        route=error.path,
        type=error.type or "",
        message=error.msg or "",
        count=error.error_count,
        consumer=error.consumer or "",
        field=".".join(str(part) for part in error.loc or ()),
    )


def server_error(error: ServerError) -> ErrorGroup:
    return ErrorGroup(
        kind=ErrorKind.SERVER,
        method=error.method,
        route=error.path,
        type=error.type or "",
        message=error.msg or "",
        count=error.error_count,
        consumer=error.consumer or "",
        traceback=error.traceback or "",
        sentry_event_id=error.sentry_event_id or "",
    )


def entries(
    message: Mapping[str, Any], name: str, kind: type[Entry], *, most: int = MAX_ENTRIES
) -> Iterator[Entry]:
    """The readable entries of one list, the first so many; others are counted as rejected."""
    listed: Sequence[Any] = message.get(name) or ()
    if not isinstance(listed, list):
        listed = ()
    for each in listed[:most]:
        entry = one(each, kind)
        if entry is None:
            count_rejected("invalid")
        else:
            yield entry


def one(value: Any, kind: type[Entry]) -> Entry | None:
    if not isinstance(value, dict):
        return None
    try:
        # Names of bins are numbers, and JSON's names are texts.
        return msgspec.convert(value, kind, strict=False, str_keys=True)
    except msgspec.ValidationError:
        return None


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # An integer of hundreds of digits.
        return None


def versions(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    named: Iterable[tuple[str, str]] = (
        (name[:MAX_VERSION_CHARS], version[:MAX_VERSION_CHARS])
        for name, version in value.items()
        if isinstance(version, str)
    )
    return dict(list(named)[:MAX_VERSIONS])
