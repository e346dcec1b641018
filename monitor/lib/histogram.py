"""Mergeable exponential histograms of latencies, as OpenTelemetry defines them.

Bucket i holds values in (base**i, base**(i + 1)] with base = 2**(2**-scale). At scale 6 a bucket's
middle is within 0.54 % of everything in it. Sparse, so merging is adding, and percentiles of any union
are as good as those of each part; percentiles themselves are never averaged.
Source: OpenTelemetry metrics data model, "ExponentialHistogram".
"""

import math
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


def bucket_of(value: float) -> int:
    """The bucket of a value; ZERO_BUCKET at or below the zero threshold."""
    if value <= ZERO_THRESHOLD:
        return ZERO_BUCKET
    return math.ceil(math.log2(value) * BUCKETS_PER_DOUBLING) - 1


def middle_of(bucket: int) -> float:
    """The value that stands for a bucket: the one whose relative error to both ends is the same."""
    base: float = 2 ** (1 / BUCKETS_PER_DOUBLING)
    return float(base**bucket * 2 * base / (1 + base))


@dataclass(kw_only=True)
class Histogram:
    """Counts by bucket, the count of zeros, and the exact sum. Grows by its `add_`s and `merge`."""

    counts: Counter[int] = field(default_factory=Counter)
    zeros: int = 0
    total: float = 0.0

    @property
    def count(self) -> int:
        return self.zeros + self.counts.total()

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

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
            self.counts[bucket] += count

    def merge(self, other: "Histogram") -> None:
        self.counts.update(other.counts)
        self.zeros += other.zeros
        self.total += other.total

    def add_arrays(self, gaps: Sequence[int], counts: Sequence[int], *, zeros: int, total: float) -> None:
        """Merge what `to_arrays` took apart.

        A plain loop, with no Counter method in it: charts merge hundreds of thousands of buckets while
        someone waits, and those take three times as long.
        """
        known = self.counts
        get = known.get
        for bucket, count in zip(accumulate(gaps), counts, strict=True):
            known[bucket] = get(bucket, 0) + count
        self.zeros += zeros
        self.total += total

    def percentiles(self, ranks: Sequence[float]) -> list[float | None]:
        """The values below which these shares (0 to 1) of all lie, to 0.54 %; None of nothing.

        Interpolates between ranks as percentile_cont does: definition 7 of Hyndman & Fan 1996.
        """
        if not self.count:
            return [None for _ in ranks]
        buckets = sorted(self.counts)
        reached = list(accumulate((self.counts[bucket] for bucket in buckets), initial=self.zeros))
        return [self._at(rank * (reached[-1] - 1), buckets, reached) for rank in ranks]

    def _at(self, position: float, buckets: list[int], reached: list[int]) -> float:
        low, high = math.floor(position), math.ceil(position)
        below = self._nth(low, buckets, reached)
        above = below if high == low else self._nth(high, buckets, reached)
        return below + (above - below) * (position - low)

    def _nth(self, index: int, buckets: list[int], reached: list[int]) -> float:
        """The value at this place, from 0, were all of them sorted."""
        place = bisect_right(reached, index)
        return middle_of(buckets[place - 1]) if place else 0.0

    def to_arrays(self) -> tuple[list[int], list[int]]:
        """Buckets in order, each as the distance to the one before it, and their counts; zeros apart.

        Neighbours are usually next to each other, so the distances are small and take a byte each.
        """
        buckets = sorted(self.counts)
        gaps = [bucket - before for before, bucket in zip([0, *buckets], buckets, strict=False)]
        return gaps, [self.counts[bucket] for bucket in buckets]


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


def from_arrays(gaps: Sequence[int], counts: Sequence[int], *, zeros: int, total: float) -> Histogram:
    """What `to_arrays` took apart."""
    histogram = Histogram()
    histogram.add_arrays(gaps, counts, zeros=zeros, total=total)
    return histogram
