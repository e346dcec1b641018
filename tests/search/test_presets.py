from datetime import UTC, datetime, timedelta

import pytest

from monitor.metrics.series import step_for
from monitor.search.presets import PRESETS, preset_named, preset_that_reaches

NOW = datetime(2026, 11, 21, 9, 47, 31, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "preset", [preset for preset in PRESETS if preset.length], ids=lambda preset: preset.word
)
def test_a_window_holds_its_length_and_begins_with_a_whole_step(preset):
    since = preset.since(NOW)
    step = step_for(NOW - preset.length, NOW)

    assert preset.length <= NOW - since < preset.length + step
    assert (since - datetime(1970, 1, 1, tzinfo=UTC)) % step == timedelta(0)


def test_everything_kept_begins_where_something_is():
    oldest = NOW - timedelta(days=12, minutes=3)

    since = preset_named("all").since(NOW, oldest=oldest)

    assert oldest - timedelta(days=1) < since <= oldest
    assert preset_named("all").since(NOW) is None


@pytest.mark.parametrize(
    ("age", "word"),
    [
        (timedelta(0), "1h"),
        (timedelta(minutes=59), "1h"),
        (timedelta(minutes=61), "24h"),
        (timedelta(days=3), "7d"),
        (timedelta(days=8), "all"),
        (timedelta(minutes=-4), "1h"),
    ],
)
def test_a_page_begins_with_the_shortest_window_that_holds_the_newest_log(age, word):
    assert preset_that_reaches(NOW - age, now=NOW).word == word


def test_a_page_without_any_log_begins_with_an_hour():
    assert preset_that_reaches(None, now=NOW).word == "1h"


def test_an_unknown_word_names_no_window():
    assert preset_named("3h") is None
    assert preset_named(None) is None
