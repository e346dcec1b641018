"""Histograms: merging loses nothing, and percentiles stay within the promised distance of the exact ones."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lib import histogram
from monitor.lib.histogram import ZERO_BUCKET, Histogram, bucket_of, merged, middle_of, of

ERROR = 0.0055
latencies = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e7)), max_size=60)


def exact_percentile(values, rank):
    """Definition 7 of Hyndman & Fan, as PostgreSQL's percentile_cont has it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * rank
    low, high = math.floor(place), math.ceil(place)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@given(st.floats(1e-5, 2**53))
def test_a_buckets_middle_is_near_everything_in_it(value):
    assert middle_of(bucket_of(value)) == pytest.approx(value, rel=ERROR)


@pytest.mark.parametrize("power", [-16, -3, 0, 1, 10, 53])
def test_a_power_of_two_is_the_upper_end_of_its_bucket(power):
    assert bucket_of(2.0**power) == power * 64 - 1
    assert bucket_of(math.nextafter(2.0**power, math.inf)) in (power * 64 - 1, power * 64)


@pytest.mark.parametrize("value", [0.0, 1e-9, histogram.ZERO_THRESHOLD])
def test_next_to_nothing_is_zero(value):
    assert bucket_of(value) == ZERO_BUCKET
    assert of([value]).percentiles([0, 0.5, 1]) == [0.0, 0.0, 0.0]


def test_nothing_has_no_percentiles():
    assert (Histogram().count, Histogram().mean, Histogram().percentiles([0.5])) == (0, None, [None])


@given(latencies.filter(bool), st.floats(0, 1))
def test_percentiles_are_near_the_exact_ones(values, rank):
    assert of(values).percentiles([rank])[0] == pytest.approx(exact_percentile(values, rank), rel=ERROR)


@given(st.lists(latencies, max_size=5))
def test_merging_is_the_same_as_having_seen_everything(parts):
    whole = merged(of(part) for part in parts)
    at_once = of([value for part in parts for value in part])

    assert (whole.counts, whole.zeros) == (at_once.counts, at_once.zeros)
    assert whole.total == pytest.approx(at_once.total)
    assert whole.count == sum(len(part) for part in parts)


@given(latencies)
def test_arrays_keep_everything(values):
    before = of(values)

    after = Histogram()
    after.add_arrays(*before.to_arrays(), zeros=before.zeros, total=before.total)

    assert after == before


@given(st.lists(latencies, max_size=5), latencies)
def test_rows_side_by_side_are_added_to_all_else(parts, singles):
    whole = of(singles)
    for part in map(of, parts):
        first, counts = part.to_row()
        whole.add_row(first, counts, zeros=part.zeros, total=part.total)
    at_once = of([value for part in [singles, *parts] for value in part])

    assert (whole.counts, whole.zeros) == (at_once.counts, at_once.zeros)
    assert whole.total == pytest.approx(at_once.total)
    assert merged([whole, at_once]).counts == at_once.counts + at_once.counts


def test_neighbouring_buckets_are_written_as_small_numbers():
    gaps, counts = of([100.0, 101.0, 101.0, 103.0]).to_arrays()

    assert all(0 < gap < 8 for gap in gaps[1:])
    assert sum(counts) == 4


def test_the_mean_is_exact():
    assert of([1.0, 2.0, 6.0]).mean == 3.0


def test_many_log_normal_latencies_are_within_one_per_cent():
    dice = random.Random(5)  # noqa: S311 - reproducible, not secret
    values = [dice.lognormvariate(3, 1) for _ in range(20_000)]

    for rank in (0.5, 0.9, 0.95, 0.99, 0.999):
        assert of(values).percentiles([rank])[0] == pytest.approx(exact_percentile(values, rank), rel=0.01)
