import time

import msgspec
import pytest

from monitor.probing.assertion_lines import as_line, from_line
from monitor.probing.assertions import Assertion
from monitor.probing.bounds import JUDGING_LIMIT_S, BadAssertion
from monitor.probing.judging import Subject, judge, judge_all

ANSWER = Subject(
    status=204,
    headers=(("Content-Type", "application/json"), ("Vary", "a"), ("vary", "b")),
    body='{"status": "ok", "items": [{"id": 1, "price": 9.5}, {"id": 2}], "none": null, "on": true}',
    body_bytes=90,
    response_ms=120.5,
    redirects=1,
    tls_days=12.5,
    tls_version="1.3",
)


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ("status == 204", True),
        ("status in 200-299", True),
        ("status in 2xx,301", True),
        ("status in 5xx,404", False),
        ("response_ms < 200", True),
        ("response_ms < 100", False),
        ("header content-type contains json", True),
        ('header Vary == "a, b"', True),
        ("header X-Missing exists", False),
        ("header X-Missing absent", True),
        ('body contains "ok"', True),
        ("body not_contains error", True),
        ("body matches ^\\{.*\\}$", True),
        ("body_bytes > 80", True),
        ("jsonpath $.status == ok", True),
        ("jsonpath $.status starts_with o", True),
        ("jsonpath $.items[?@.id == 2].id == 2", True),
        ("jsonpath $.items[*].id contains 2", True),
        ("jsonpath $.items[*].id length 2", True),
        ("jsonpath $.items[0].price >= 9.5", True),
        ("jsonpath $.items is_type array", True),
        ("jsonpath $.none exists", True),
        ("jsonpath $.none is_type null", True),
        ("jsonpath $.nothing exists", False),
        ("jsonpath $.nothing == x", False),
        ("jsonpath $.on == true", True),
        ("jsonpath $.on is_type number", False),
        ("tls_days > 14", False),
        ("tls_version in 1.2,1.3", True),
        ("redirects <= 1", True),
        ('json_schema {"type": "object", "required": ["status"]}', True),
        ('json_schema {"type": "object", "properties": {"status": {"type": "number"}}}', False),
    ],
)
def test_each_comparison_holds_or_does_not(line, holds):
    assert judge(from_line(line), ANSWER).holds is holds


@pytest.mark.parametrize(
    "line", ['warn jsonpath $.a[?@.b == "c"].d == "e"', 'status in ["2xx", 301]', "body exists"]
)
def test_a_line_says_the_whole_assertion(line):
    assertion = from_line(line)

    assert from_line(as_line(assertion)) == assertion


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("jsonpath a.b == 1", "JSONPath"),
        ("jsonpath $.a.b-c == 1", "JSONPath"),
        ("jsonpath $..*..* exists", "once"),
        ("jsonpath $[?count($..*)>0] exists", "filter"),
        ("jsonpath $[?!@.a || count(@[?@..b]) > 0] exists", "filter"),
        ("body matches [", "pattern"),
        ("status <", "compare"),
        ("status < fast", "number"),
        ("header == x", "enum"),
        ("colour == red", "colour"),
        ("jsonpath $.a is_type thing", "type"),
        ('json_schema {"type": "thing"}', "Schema"),
        ('json_schema {"$ref": "http://127.0.0.1:1/x"}', "Schema"),
    ],
)
def test_what_could_never_be_judged_is_refused_with_the_reason(line, words):
    with pytest.raises(BadAssertion, match=words):
        from_line(line)


def test_a_failed_assertion_tells_expected_and_actual_without_secrets():
    secret = Subject(**{**ANSWER.__dict__, "body": "token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghijkl"})

    verdict = judge(from_line("body contains welcome"), secret)

    assert not verdict.holds
    assert "eyJ" not in verdict.actual


@pytest.mark.parametrize(
    "line",
    [
        "body matches ^(a|a)*$",
        "jsonpath $[?match(@.x, '(a|a)*b')] exists",
        "jsonpath $[?search(@.x, '(a|a)*b')] exists",
        'json_schema {"items": {"properties": {"x": {"pattern": "^(a|a)*$"}}}}',
    ],
)
def test_a_pattern_that_explodes_is_given_up_soon(line):
    letters = "a" * 60 + "!"
    body = letters if line.startswith("body") else f'[{{"x": "{letters}"}}]'
    subject = Subject(**{**ANSWER.__dict__, "body": body})
    began = time.thread_time()

    verdict = judge(from_line(line), subject)

    assert not verdict.holds
    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("$" + "[*,*,*,*]" * 20, "[" * 21 + "1" + "]" * 21),
        ("$[?count($[*]) > 99999]", f"[{'1,' * 30_000}1]"),
    ],
)
def test_a_path_that_explodes_is_given_up_by_the_deadline(path, body):
    subject = Subject(**{**ANSWER.__dict__, "body": body})
    began = time.thread_time()

    verdict = judge(Assertion(source="jsonpath", property=path, comparison="exists"), subject)

    assert (verdict.holds, verdict.problem) == (False, "took too long to judge")
    assert time.thread_time() - began < JUDGING_LIMIT_S + 1


def test_all_assertions_of_a_check_share_one_deadline():
    subject = Subject(**{**ANSWER.__dict__, "body": "a" * 60 + "!"})
    began = time.thread_time()

    verdicts = judge_all([from_line("body matches ^(a|a)*$")] * 9, subject)

    assert [verdict.holds for verdict in verdicts] == [False] * 9
    assert verdicts[-1].problem == "took too long to judge"
    assert time.thread_time() - began < JUDGING_LIMIT_S + 1


@pytest.mark.parametrize(
    ("body", "words"),
    [(f'"{"a" * 65_536}"', "longer than the 64 KiB"), ("[" * 65 + "]" * 65, "deeper than the 64 levels")],
)
def test_a_path_reads_no_body_that_is_too_long_or_too_deep(body, words):
    verdict = judge(from_line("jsonpath $ exists"), Subject(**{**ANSWER.__dict__, "body": body}))

    assert (verdict.holds, words in verdict.problem) == (False, True)


def test_a_body_that_is_nested_without_end_is_a_failed_assertion():
    subject = Subject(**{**ANSWER.__dict__, "body": "[" * 100_000})

    assert not judge(from_line("jsonpath $..a exists"), subject).holds


def test_an_assertion_of_the_api_is_held_to_the_same():
    with pytest.raises(msgspec.ValidationError, match="JSONPath"):
        msgspec.convert({"source": "jsonpath", "property": "a", "target": 1}, Assertion)
