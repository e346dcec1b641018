"""What is new in counts that only grow.

OpenTelemetry's SDKs tell by default all that a process has counted since it started, again and again. What
was told last is remembered for each of these series, so that every request adds to the numbers once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from uuid import UUID

import msgspec
from django.db import connection

from monitor.metrics.counted import Counted
from monitor.models import CountedSeries

# A process tells all its series every minute, so one that was not told for this long has ended.
SERIES_KEPT = timedelta(days=30)
# How often a series that does not grow is marked as seen.
SEEN_EVERY = timedelta(days=1)
# The first number of our two-part lock, of which the second is a service's. Any number will do.
SERIES_LOCK = 7_120_404
SIZES = ("request_bytes", "response_bytes", "request_sized", "response_sized")


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A count of a sender that only grows; `name` tells it from others, its start included.

    `until_ns` is the moment that it was told for, in nanoseconds since 1970.
    """

    name: bytes
    until_ns: int


def grown(
    counted: Mapping[int, Counted], growing: Mapping[int, Series], *, service_id: UUID, now: datetime
) -> dict[int, Counted]:
    """The counts by place, of those that grow what is new; without those that have nothing new. In the
    caller's transaction."""
    if not growing:
        return dict(counted)
    with connection.cursor() as cursor:
        # Two messages of one process may come at once: the second adds to what the first has told.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [SERIES_LOCK, service_id.int % 2**31])
    digests = {place: digest_of(series, counted[place]) for place, series in growing.items()}
    known = CountedSeries.objects.in_bulk(digests.values())
    before = {bytes(digest): row for digest, row in known.items()}
    news: dict[int, Counted] = {}
    told: list[CountedSeries] = []
    for place, each in counted.items():
        series = growing.get(place)
        if series is None:
            news[place] = each
            continue
        last = before.get(digests[place])
        if last is not None and is_told(series, each, last, now=now):
            continue
        news[place] = each if last is None else since(last, each)
        row = row_of(series, each, digest=digests[place], now=now)
        before[digests[place]] = row
        told.append(row)
    CountedSeries.objects.bulk_create(
        list({row.digest: row for row in told}.values()),
        update_conflicts=True,
        unique_fields=["digest"],
        update_fields=["until_ns", "requests", "latency_ms", *SIZES, "buckets", "seen_at"],
    )
    return {place: each for place, each in news.items() if each.requests}


def digest_of(series: Series, counted: Counted) -> bytes:
    return hashlib.sha256(counted.service_id.bytes + counted.mode.encode() + series.name).digest()


def is_told(series: Series, counted: Counted, last: CountedSeries, *, now: datetime) -> bool:
    """Whether there is nothing in this that was not told before, or after."""
    if series.until_ns <= last.until_ns:
        return True
    return counted.requests == last.requests and now - last.seen_at < SEEN_EVERY


def since(last: CountedSeries, counted: Counted) -> Counted:
    """What has come since then. A count that is smaller has begun anew, and is new as it is."""
    if counted.requests < last.requests:
        return counted
    requests = counted.requests - last.requests
    old: dict[int, int] = msgspec.msgpack.decode(last.buckets, type=dict[int, int])
    buckets = {
        bucket: count - old.get(bucket, 0)
        for bucket, count in counted.buckets.items()
        if count > old.get(bucket, 0)
    }
    return replace(
        counted,
        requests=requests,
        latency_ms=max(counted.latency_ms - last.latency_ms, 0.0),
        buckets=shrunk(buckets, requests),
        request_bytes=grown_size(counted.request_bytes, last.request_bytes),
        response_bytes=grown_size(counted.response_bytes, last.response_bytes),
        request_sized=grown_size(counted.request_sized, last.request_sized),
        response_sized=grown_size(counted.response_sized, last.response_sized),
    )


def grown_size(told: int | None, last: int | None) -> int:
    """What is new; nothing where it was not remembered, as it may have been told then."""
    return max(told - last, 0) if told is not None and last is not None else 0


def shrunk(buckets: Mapping[int, int], total: int) -> dict[int, int]:
    """Buckets with so many in all at most.

    An exponential histogram makes its buckets wider as it grows, and then some of what was told has moved.
    """
    there = sum(buckets.values())
    if there <= total:
        return dict(buckets)
    ordered = sorted(buckets.items())
    reached = [count * total // there for count in accumulate(count for _, count in ordered)]
    shares = zip(ordered, [0, *reached], reached, strict=False)
    return {bucket: after - before for (bucket, _), before, after in shares if after > before}


def row_of(series: Series, counted: Counted, *, digest: bytes, now: datetime) -> CountedSeries:
    return CountedSeries(
        digest=digest,
        service_id=counted.service_id,
        until_ns=series.until_ns,
        requests=counted.requests,
        latency_ms=counted.latency_ms,
        request_bytes=counted.request_bytes,
        response_bytes=counted.response_bytes,
        request_sized=counted.request_sized,
        response_sized=counted.response_sized,
        buckets=msgspec.msgpack.encode(dict(counted.buckets)),
        seen_at=now,
    )
