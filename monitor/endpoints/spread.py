"""How the latencies of a window are spread."""

import math

from monitor.charts import Bin
from monitor.lib.histogram import BUCKETS_PER_DOUBLING, Histogram
from monitor.metrics import Question
from monitor.metrics.gather import Slot, gather
from monitor.models.metrics import Family

# As many bars as a phone can show.
MOST_BINS = 36
# Bars of a quarter of a doubling, a half, or more: the finest that are few enough.
PARTS = (BUCKETS_PER_DOUBLING // 4, BUCKETS_PER_DOUBLING // 2, BUCKETS_PER_DOUBLING, 2 * BUCKETS_PER_DOUBLING)


def latencies_of(question: Question, family: Family) -> Histogram:
    """The latencies of the window as one histogram, from rollups and, at its edges, from the logs."""
    gathered = gather(question, family)
    return gathered[Slot()].latencies if gathered else Histogram()


def bins_of(latencies: Histogram) -> list[Bin]:
    """Bars from the fastest to the slowest, each so many times as wide as the one before it.

    Zeros stand in a first bar of their own.
    """
    zeros = [Bin(low=0.0, high=0.0, count=latencies.zeros)] if latencies.zeros else []
    if not latencies.counts:
        return zeros
    lowest, highest = min(latencies.counts), max(latencies.counts)
    width = next((part for part in PARTS if highest // part - lowest // part < MOST_BINS), PARTS[-1])
    counts = [0] * (highest // width - lowest // width + 1)
    for bucket, count in latencies.counts.items():
        counts[bucket // width - lowest // width] += count
    first = lowest // width * width
    return zeros + [
        Bin(
            low=edge(first + index * width),
            high=edge(first + (index + 1) * width),
            count=count,
        )
        for index, count in enumerate(counts)
    ]


def edge(bucket: int) -> float:
    """The lower end of a bucket."""
    return float(2.0 ** (bucket / BUCKETS_PER_DOUBLING))


def latency_of_slowest(latencies: Histogram, count: int) -> float:
    """A latency that `count` of all reach, as high as the buckets can tell; 0 when there are fewer."""
    found = 0
    for bucket in sorted(latencies.counts, reverse=True):
        found += latencies.counts[bucket]
        if found >= count:
            # A value at a boundary may have fallen to the other side of it.
            return math.nextafter(edge(bucket) * (1 - 1e-9), 0.0)
    return 0.0
