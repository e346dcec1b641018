"""A window is tiled: nothing twice, nothing left out, the coarsest units that fit."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.metrics.tiles import BLOCKS, LENGTHS, lay
from monitor.models.metrics import Resolution

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
ALWAYS = {resolution: NOON - timedelta(days=1000) for resolution in LENGTHS}
moments = st.integers(0, 90 * 86_400_000).map(lambda ms: NOON - timedelta(milliseconds=ms))


def in_order(plan):
    return sorted([*plan.tiles, *plan.edges], key=lambda span: span.since)


@given(moments, moments, st.dictionaries(st.sampled_from(list(Resolution)), moments))
def test_spans_tile_the_window(since, until, kept):
    kept_from = {resolution: kept[resolution] for resolution in LENGTHS if resolution in kept}

    spans = in_order(lay(since, until, kept_from))

    if since >= until:
        assert spans == []
        return
    assert (spans[0].since, spans[-1].until) == (since, until)
    assert all(before.until == after.since for before, after in pairwise(spans))
    assert all(span.since < span.until for span in spans)


@given(moments, moments, st.dictionaries(st.sampled_from(list(Resolution)), moments))
def test_tiles_are_whole_and_there(since, until, kept):
    kept_from = {resolution: kept[resolution] for resolution in LENGTHS if resolution in kept}

    for tile in lay(since, until, kept_from).tiles:
        length = LENGTHS[tile.resolution]
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        assert (tile.since - epoch) % length == (tile.until - epoch) % length == timedelta()
        assert tile.since >= kept_from[tile.resolution]


@given(moments, moments, moments)
def test_spans_of_days_are_laid_as_far_as_days_are_folded(since, until, folded_until):
    plan = lay(since, until, ALWAYS, folded_until=folded_until)

    spans = in_order(plan)
    assert all(before.until == after.since for before, after in pairwise(spans))
    assert not spans or (spans[0].since, spans[-1].until) == (since, until)
    assert all(tile.until <= folded_until for tile in plan.tiles if tile.resolution in BLOCKS)


def test_a_month_that_is_folded_is_a_few_spans():
    since = datetime(2026, 2, 3, tzinfo=UTC)

    plan = lay(since, since + timedelta(days=30), ALWAYS, folded_until=NOON)

    assert sum((tile.until - tile.since) // LENGTHS[tile.resolution] for tile in plan.tiles) <= 10
    assert {tile.resolution for tile in plan.tiles} >= set(BLOCKS)


def test_a_long_window_is_days_then_hours_then_minutes_then_milliseconds():
    since = datetime(2026, 1, 30, 22, 58, 59, 500_000, tzinfo=UTC)

    plan = lay(since, datetime(2026, 3, 14, 12, 1, 0, 1000, tzinfo=UTC), ALWAYS)

    told = [
        (getattr(span, "resolution", "edge"), span.since.strftime("%d %H:%M:%S"), span.until - span.since)
        for span in in_order(plan)
    ]
    assert told == [
        ("edge", "30 22:58:59", timedelta(milliseconds=500)),
        ("minute", "30 22:59:00", timedelta(minutes=1)),
        ("hour", "30 23:00:00", timedelta(hours=1)),
        ("day", "31 00:00:00", timedelta(days=42)),
        ("6hours", "14 00:00:00", timedelta(hours=12)),
        ("minute", "14 12:00:00", timedelta(minutes=1)),
        ("edge", "14 12:01:00", timedelta(milliseconds=1)),
    ]


def test_where_no_rollups_are_kept_the_logs_are_the_edge():
    since, until = NOON - timedelta(hours=5), NOON

    plan = lay(since, until, {Resolution.HOUR: NOON - timedelta(hours=2, minutes=30)})

    assert [(span.since, span.until) for span in plan.tiles] == [(NOON - timedelta(hours=2), NOON)]
    assert [(span.since, span.until) for span in plan.edges] == [(since, NOON - timedelta(hours=2))]
