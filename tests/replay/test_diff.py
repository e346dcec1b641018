"""What is shown as the same, changed, added and removed."""

import json
import time

import pytest

from monitor.replay.diff import CONTEXT_LINES, MAX_LINES, diff_bodies, diff_headers, json_lines


def kinds(diff):
    return [
        (line.kind, line.before.strip(), line.after.strip())
        for line in diff.lines
        if line.kind not in ("same", "folded")
    ]


@pytest.mark.parametrize(
    ("story", "before", "after"),
    [
        ("order of keys and spacing count for nothing", '{"a": 1, "b": 2}', '{ "b":2,\n"a":1 }'),
        ("escapes are spelled alike", '{"a": "\\u00e9"}', '{"a": "é"}'),
        ("nothing and nothing", None, ""),
        ("line ends of texts", "one\r\ntwo", "one\ntwo"),
        ("empty objects and lists", '{"a": {}, "b": []}', '{"b": [], "a": {}}'),
    ],
)
def test_what_is_the_same(story, before, after):
    assert diff_bodies(before, after).is_same, story


@pytest.mark.parametrize(
    ("story", "before", "after", "expected"),
    [
        ("a value", '{"a": 1}', '{"a": 2}', [("changed", '"a": 1', '"a": 2')]),
        ("a new key", '{"a": 1}', '{"a": 1, "b": 2}', [("added", "", '"b": 2')]),
        ("a lost key", '{"a": 1, "b": 2}', '{"b": 2}', [("removed", '"a": 1', "")]),
        (
            "another key is no change of the first",
            '{"a": 1}',
            '{"b": 1}',
            [("removed", '"a": 1', ""), ("added", "", '"b": 1')],
        ),
        ("an item", "[1, 2, 3]", "[1, 3]", [("removed", "2", "")]),
        ("how a number is written", "[1.0]", "[1.00]", [("changed", "1.0", "1.00")]),
        (
            "digits beyond a float",
            "[12345678901234567890]",
            "[12345678901234567891]",
            [("changed", "12345678901234567890", "12345678901234567891")],
        ),
        ("a number and a text", '{"a": 1}', '{"a": "1"}', [("changed", '"a": 1', '"a": "1"')]),
        (
            "null and missing",
            '{"a": null}',
            "{}",
            [("changed", "{", "{}"), ("removed", '"a": null', ""), ("removed", "}", "")],
        ),
        ("a key that stands twice", '{"a": 1, "a": 2}', '{"a": 2}', [("removed", '"a": 1', "")]),
        ("texts", "hello world", "hello there world", [("changed", "hello world", "hello there world")]),
        ("JSON became a page", '{"a": 1}', "<html>", [("removed", '{"a": 1}', ""), ("added", "", "<html>")]),
        ("an answer where none was", None, "x", [("added", "", "x")]),
    ],
)
def test_what_differs(story, before, after, expected):
    assert kinds(diff_bodies(before, after)) == expected, story


def test_only_two_json_bodies_are_normalised():
    assert diff_bodies("{}", "[]").normalised
    assert not diff_bodies("{}", "plain").normalised
    assert not diff_bodies('{"cut": "in the mid', "{}").normalised


def test_long_equal_parts_are_folded_between_their_context():
    before = "\n".join(str(number) for number in range(100))
    after = before.replace("50", "fifty")

    diff = diff_bodies(before, after)

    folds = [line.folded for line in diff.lines if line.kind == "folded"]
    shown = [line.before for line in diff.lines if line.kind == "same"]
    assert folds == [50 - CONTEXT_LINES, 49 - CONTEXT_LINES]
    assert shown == ["47", "48", "49", "51", "52", "53"]


def test_what_is_wholly_the_same_is_not_folded_away():
    assert [line.before for line in diff_bodies("a\nb", "a\nb").lines] == ["a", "b"]


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 20_000 + "1" + "}" * 20_000])
def test_depth_without_end_is_compared_as_text(text):
    assert json_lines(text) is None
    assert diff_bodies(text, text).is_same


def test_the_longest_bodies_do_not_hold_the_page_up():
    before = json.dumps(list(range(MAX_LINES * 2)))
    after = json.dumps(list(range(MAX_LINES * 2, 0, -1)))
    alike = "\n".join("x" if number % 2 else str(number) for number in range(MAX_LINES))

    started = time.thread_time()
    assert diff_bodies(before, after).too_long
    assert not diff_bodies(alike, alike.replace("8", "nine\nx")).is_same
    assert time.thread_time() - started < 5


def test_a_small_difference_in_a_long_body_is_still_found():
    before = list(range(MAX_LINES * 3))
    diff = diff_bodies(json.dumps(before), json.dumps([*before[:9000], -1, *before[9001:]]))

    assert not diff.too_long
    assert kinds(diff) == [("removed", "9000", ""), ("added", "", "-1")]


@pytest.mark.parametrize(
    ("story", "before", "after", "differences"),
    [
        ("case of names", {"Content-Type": "a"}, {"content-type": "a"}, 0),
        ("a value", {"X": "1"}, {"x": "2"}, 1),
        ("one more and one less", {"a": "1"}, {"b": "1"}, 2),
        ("dates differ always", {"Date": "Mon"}, {"Date": "Tue"}, 0),
        ("request ids too", {}, {"X-Request-Id": "1"}, 0),
        ("several values", {"Via-2": ["a", "b"]}, {"Via-2": ["a", "c", "d"]}, 2),
        ("nothing was kept", None, {"a": "1"}, 1),
    ],
)
def test_headers(story, before, after, differences):
    assert diff_headers(before, after).differences == differences, story


def test_headers_that_always_differ_are_shown_all_the_same():
    (line,) = diff_headers({"Date": "Mon"}, {"Date": "Tue"}).lines

    assert (line.kind, line.expected, line.before, line.after) == ("changed", True, "date: Mon", "date: Tue")
