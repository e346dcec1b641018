"""YAML of strangers is refused for what it would cost, before it has cost it."""

import time
from contextlib import suppress

import pytest

from monitor.lib.yaml_text import MOST_CHARACTERS, MOST_LEVELS, MOST_VALUES, NotYaml, read_yaml

LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{after}: &{after} [*{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_plain_values_are_read_and_dates_are_texts():
    assert read_yaml("a: 1\nb: [true, null, 2026-11-21]\nc: {d: x}") == {
        "a": 1,
        "b": [True, None, "2026-11-21"],
        "c": {"d": "x"},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "Line 1: this is no YAML"),
        ("a: 1\n b: 2", "Line 2: this is no YAML"),
        ("a: 1\nb: &b 2\nc: *b", "Line 3: aliases"),
        ("a: 1\na: 2", "Line 2: 'a' is there twice"),
        ("a: \x01", "no YAML"),
        ("- !!python/object:os.system x", "no YAML"),
        ("x" * (MOST_CHARACTERS + 1), "longer than 1 MiB"),
        ("- x\n" * MOST_VALUES, f"Line {MOST_VALUES}: more than 20,000 values"),
        ("[" * (MOST_LEVELS + 1), "more than 100 levels"),
    ],
)
def test_what_is_not_read_is_named_with_its_line(text, words):
    with pytest.raises(NotYaml, match=words.replace("(", r"\(")):
        read_yaml(text)


def test_as_many_values_and_levels_as_are_read_are_read():
    assert len(read_yaml("- x\n" * (MOST_VALUES - 1))) == MOST_VALUES - 1
    assert read_yaml("[" * MOST_LEVELS + "]" * MOST_LEVELS)


def test_an_alias_weighs_what_it_stands_for():
    assert read_yaml("a: &a [1, 2]\nb: *a", takes_aliases=True) == {"a": [1, 2], "b": [1, 2]}
    with pytest.raises(NotYaml, match="more than 20,000 values"):
        read_yaml(LAUGHS, takes_aliases=True)
    with pytest.raises(NotYaml, match="more than 20,000 values"):
        read_yaml("a: &a [*a]", takes_aliases=True)


@pytest.mark.parametrize("line", ["- x\n", "[", "a: {", '"', "  \\\n", "*a ", "? "])
def test_a_mebibyte_of_anything_costs_less_than_a_second_of_processor(line):
    began = time.process_time()
    with suppress(NotYaml):
        read_yaml("k:\n" + line * (MOST_CHARACTERS // len(line) - 10), takes_aliases=True)

    assert time.process_time() - began < 1
