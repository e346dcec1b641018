"""Mergeable exponential histograms of latencies, as OpenTelemetry defines them.

Bucket i holds values in (base**i, base**(i + 1)] with base = 2**(2**-scale). At scale 6 a bucket's
middle is within 0.54 % of everything in it. Sparse, so merging is adding, and percentiles of any union
are as good as those of each part; percentiles themselves are never averaged.
Source: OpenTelemetry metrics data model, "ExponentialHistogram".
"""

import math
import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

SCALE = 6
BUCKETS_PER_DOUBLING = 64  # 2**SCALE
# Values at or below this, in milliseconds, count as zero: a nanosecond is nobody's latency.
ZERO_THRESHOLD = 1e-6
# Where bucket numbers are written down side by side, this one stands for zeros. Below all real ones.
ZERO_BUCKET = -32_768
# Bytes of a count where counts stand side by side. Sums of counts fit: nobody has 2**64 requests.
LANE_BYTES = 8


def bucket_of(value: float) -> int:
    """The bucket of a value; ZERO_BUCKET at or below the zero threshold."""
    if value <= ZERO_THRESHOLD:
        return ZERO_BUCKET
    return math.ceil(math.log2(value) * BUCKETS_PER_DOUBLING) - 1


def middle_of(bucket: int) -> float:
    """The value that stands for a bucket: the one whose relative error to both ends is the same."""
    base: float = 2 ** (1 / BUCKETS_PER_DOUBLING)
    return float(base**bucket * 2 * base / (1 + base))


@dataclass(kw_only=True, eq=False)
class Histogram:
    """Counts by bucket, the count of zeros, and the exact sum. Grows by its `add_`s and `merge`.

    Counts that come side by side are added as one large integer, a lane of 64 bits for each bucket: charts
    merge thousands of histograms while someone waits, and bucket by bucket that takes four times as long.
    """

    zeros: int = 0
    total: float = 0.0
    _single: Counter[int] = field(default_factory=Counter)
    _lanes: int = 0
    _first: int = 0
    """The bucket of the lowest lane."""

    @property
    def counts(self) -> Counter[int]:
        """How many values each bucket holds."""
        if self._lanes:
            for bucket, count in enumerate(self._lane_counts(), self._first):
                if count:
                    self._single[bucket] += count
            self._lanes = 0
        return self._single

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return (self.counts, self.zeros, self.total) == (other.counts, other.zeros, other.total)

    __hash__ = None  # type: ignore[assignment] # it changes

    @property
    def count(self) -> int:
        return self.zeros + self._single.total() + sum(self._lane_counts())

    @property
    def mean(self) -> float | None:
        return self.mean_and_percentiles(())[0]

    def add(self, value: float) -> None:
        """One more value, in the unit of the others; not negative."""
        self.add_buckets((bucket_of(value),), total=value)

    def add_buckets(self, buckets: Iterable[int], *, total: float) -> None:
        """Values that are known by their buckets and their sum alone."""
        for bucket in buckets:
            self.add_bucket(bucket, 1)
        self.total += total

    def add_bucket(self, bucket: int, count: int) -> None:
        """So many values of one bucket; their sum is the caller's to add."""
        if bucket == ZERO_BUCKET:
            self.zeros += count
        else:
            self._single[bucket] += count

    def merge(self, other: "Histogram") -> None:
        self._single.update(other._single)
        self._add_lanes(other._first, other._lanes)
        self.zeros += other.zeros
        self.total += other.total

    def add_arrays(self, gaps: Sequence[int], counts: Sequence[int], *, zeros: int, total: float) -> None:
        """Merge what `to_arrays` took apart."""
        known = self._single
        get = known.get
        # No Counter method in the loop: it would take three times as long.
        for bucket, count in zip(accumulate(gaps), counts, strict=True):
            known[bucket] = get(bucket, 0) + count
        self.zeros += zeros
        self.total += total

    def add_row(self, first: int, counts: bytes, *, zeros: int, total: float) -> None:
        """Merge what `to_row` took apart."""
        self._add_lanes(first, int.from_bytes(counts, "little"))
        self.zeros += zeros
        self.total += total

    def _add_lanes(self, first: int, lanes: int) -> None:
        if not self._lanes:
            self._first, self._lanes = first, lanes
        elif first >= self._first:
            self._lanes += lanes << (first - self._first) * LANE_BYTES * 8
        elif lanes:
            self._lanes = (self._lanes << (self._first - first) * LANE_BYTES * 8) + lanes
            self._first = first

    def _lane_counts(self) -> tuple[int, ...]:
        lanes = -(-self._lanes.bit_length() // (LANE_BYTES * 8))
        return struct.unpack(f"<{lanes}Q", self._lanes.to_bytes(lanes * LANE_BYTES, "little"))

    def percentiles(self, ranks: Sequence[float]) -> list[float | None]:
        """The values below which these shares (0 to 1) of all lie, to 0.54 %; None of nothing.

        Interpolates between ranks as percentile_cont does: definition 7 of Hyndman & Fan 1996.
        """
        return self.mean_and_percentiles(ranks)[1]

    def mean_and_percentiles(self, ranks: Sequence[float]) -> tuple[float | None, list[float | None]]:
        """Both for one look at the counts: charts ask for both, for each of their steps."""
        buckets, counts = self._in_order()
        reached = list(accumulate(counts, initial=self.zeros))
        count = reached[-1]
        if not count:
            return None, [None for _ in ranks]
        return self.total / count, [self._at(rank * (count - 1), buckets, reached) for rank in ranks]

    def _in_order(self) -> tuple[Sequence[int], Sequence[int]]:
        """Buckets from low to high, and their counts; empty ones may be among them."""
        if not self._lanes:
            buckets = sorted(self._single)
            return buckets, [self._single[bucket] for bucket in buckets]
        lanes = self._lane_counts()
        lowest = min((self._first, *self._single))
        highest = max((self._first + len(lanes) - 1, *self._single))
        counts = [0] * (highest - lowest + 1)
        counts[self._first - lowest : self._first - lowest + len(lanes)] = lanes
        for bucket, count in self._single.items():
            counts[bucket - lowest] += count
        return range(lowest, lowest + len(counts)), counts

    def _at(self, position: float, buckets: Sequence[int], reached: list[int]) -> float:
        low, high = math.floor(position), math.ceil(position)
        below = self._nth(low, buckets, reached)
        above = below if high == low else self._nth(high, buckets, reached)
        return below + (above - below) * (position - low)

    def _nth(self, index: int, buckets: Sequence[int], reached: list[int]) -> float:
        """The value at this place, from 0, were all of them sorted."""
        place = bisect_right(reached, index)
        return middle_of(buckets[place - 1]) if place else 0.0

    def to_arrays(self) -> tuple[list[int], list[int]]:
        """Buckets in order, each as the distance to the one before it, and their counts; zeros apart.

        Neighbours are usually next to each other, so the distances are small and take a byte each.
        """
        counts = self.counts
        buckets = sorted(counts)
        gaps = [bucket - before for before, bucket in zip([0, *buckets], buckets, strict=False)]
        return gaps, [counts[bucket] for bucket in buckets]

    def to_row(self) -> tuple[int, bytes]:
        """The lowest bucket, and the counts from there to the highest, empty buckets too; zeros apart.

        Eight bytes each, most of them nothing: they are made to be compressed.
        """
        counts = self.counts
        if not counts:
            return 0, b""
        buckets = range(min(counts), max(counts) + 1)
        return buckets[0], struct.pack(f"<{len(buckets)}Q", *(counts[bucket] for bucket in buckets))


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All of them as one."""
    whole = Histogram()
    for histogram in histograms:
        whole.merge(histogram)
    return whole


def of(values: Iterable[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram
