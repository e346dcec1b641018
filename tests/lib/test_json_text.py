import json

import pytest

from monitor.lib.json_text import tokens_of


def laid_out(text):
    tokens = tokens_of(text)
    return None if tokens is None else "".join(token.text for token in tokens)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": 1, "b": [True, None, {"c": "x"}], "d": {}},
        [[], [[]], {"a": []}],
        {"quote": 'a "b" \\ c', "brackets": "{[,:]}", "line": "a\nb", "snow": "☃"},
    ],
)
def test_json_is_laid_out_as_people_expect_it(value):
    assert laid_out(json.dumps(value, ensure_ascii=False)) == json.dumps(value, ensure_ascii=False, indent=2)


def test_the_layout_that_came_makes_no_difference():
    assert laid_out(' {"a" :\n[ 1,2 ]}\n') == laid_out('{"a":[1,2]}')


@pytest.mark.parametrize(
    "text", ['{"price": 1.00}', '{"id": 123456789012345678901234567890}', '{"n": 1E5}', '{"e": "\\u00e9"}']
)
def test_numbers_and_strings_stay_as_they_were_sent(text):
    assert laid_out(text).replace("\n", "").replace("  ", "") == text


def test_a_key_that_stands_twice_is_shown_twice():
    assert laid_out('{"a": 1, "a": 2}') == '{\n  "a": 1,\n  "a": 2\n}'


@pytest.mark.parametrize(
    ("cut", "shown"),
    [
        ('{"a": "hel', '{\n  "a": "hel'),
        ('{"a": "hel\\', '{\n  "a": "hel\\'),
        ('{"a": tr', '{\n  "a": tr'),
        ('{"a": -', '{\n  "a": -'),
        ('{"a": [1, 2,', '{\n  "a": [\n    1,\n    2,\n    '),
        ('{"a', '{\n  "a'),
    ],
)
def test_a_body_that_was_cut_reads_up_to_the_cut(cut, shown):
    assert laid_out(cut) == shown


@pytest.mark.parametrize(
    "text", ["", "  ", "hello", "<html></html>", '"text"', "12", "{a: 1}", "a=1&b=2", "{'a': 1}"]
)
def test_what_is_no_json_object_or_array_is_left_alone(text):
    assert laid_out(text) is None


def test_keys_are_told_from_strings():
    kinds = [(token.kind, token.text) for token in tokens_of('{"a": "a"}') if token.kind != "mark"]

    assert kinds == [("key", '"a"'), ("string", '"a"')]


def test_ten_thousand_brackets_do_not_grow_a_triangle_of_spaces():
    text = "[" * 10_000 + "]" * 10_000

    assert len(laid_out(text)) < 100 * len(text)


def test_closing_more_than_was_opened_does_no_harm():
    assert laid_out("[]]]") == "[]\n]\n]"
