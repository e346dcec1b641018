"""YAML and the stored form: each the image of the other."""

import pytest

from monitor.journeys import BadDocument, as_plain, as_yaml, from_yaml, read_document
from monitor.journeys.extracting import Extraction, as_line, from_line
from monitor.journeys.written import without_values

WHOLE = """
name: Shop
variables:
  base: https://shop.example
  day: 2026-11-21
  limits: {most: 5, names: [a, b]}
secrets:
  password: hunter22
  token:
steps:
  - name: Log in
    method: POST
    url: "{{base}}/login"
    headers: {X-Shop: one, Accept: application/json}
    body: {user: ada, password: "{{password}}"}
    auth: {type: basic, username: ada, password: "{{password}}"}
    extract:
      - secret token = jsonpath $.token
      - id or 0 = jsonpath $.user.id
      - all links = regex href="([^"]+)"
    assert:
      - status in 200,201
      - warn response_ms < 500
      - {source: body, comparison: contains, target: "two\\nlines"}
  - name: Read
    url: "{{base}}/orders/{{id}}"
    headers: [[X-A, one], [X-A, two]]
    if: role == "admin"
    retries: 2
    delay_ms: 10
    timeout_s: 5
    statuses: [200, 2xx]
    after: |
      pm.test("x", function () {
        pm.response.to.have.status(200);
      });
  - name: Log out
    method: DELETE
    url: "{{base}}/session"
    always_run: true
cron: "*/20 3 * * mon-fri"
timezone: Europe/Berlin
on_failure: continue
keep_cookies: false
rows: [{id: 1}, {id: 2}]
"""


def test_a_document_comes_back_as_it_was():
    stored = from_yaml(WHOLE)
    journey = read_document(stored)

    assert from_yaml(as_yaml(journey)) == stored
    assert as_plain(read_document(as_plain(journey))) == stored


def test_what_is_written_is_short_and_in_lines():
    text = as_yaml(read_document(from_yaml(WHOLE)))

    assert "warn response_ms < 500" in text
    assert "id or 0 = jsonpath $.user.id" in text
    assert "verify_tls" not in text
    assert "'2026-11-21'" in text
    assert "after: |" in text


def test_a_document_for_a_repository_has_no_values_of_secrets():
    assert "hunter22" not in as_yaml(without_values(read_document(from_yaml(WHOLE))))


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("a: [", "", "Line 1: this is no YAML"),
        ("x: &a 1\ny: *a", "", "Line 2: aliases"),
        ("name: a\nname: b", "", "Line 2: 'name' is there twice"),
        ("- a", "", "a mapping with 'steps'"),
        ("steps: 3", "steps", "is a list"),
        ("steps: [3]", "steps.0", "Step 1 is no mapping"),
        ("steps: [{name: a}]", "steps.0", "Step 1 (a): Object missing required field `url`"),
        ("steps: [{name: a, url: x, bogus: 1}]", "steps.0", "unknown field `bogus`"),
        ("steps: [{name: a, url: x, timeout_s: 0}]", "steps.0.timeout_s", "Step 1 (a), timeout_s"),
        ("steps: [{name: a, url: x, assert: ['jsonpath a == 1']}]", "steps.0.assertions", "assert 1"),
        ("steps: [{name: a, url: x, extract: ['t = jsonpath a']}]", "steps.0.extract", "extract 1"),
        ("steps: [{name: a, url: x}, {name: a, url: y}]", "steps.1.name", "the same name"),
        ("steps: [{name: a, url: x, if: foo}]", "steps.0.condition", "role =="),
        ("steps: [{name: a, url: x, statuses: [abc]}]", "steps.0.statuses", "'abc' is no code"),
        ("steps: [{name: a, url: x, headers: {Authorization: Bearer abc}}]", "steps.0.headers", "secret"),
        ("steps: [{name: a, url: 'http://a/?token=abc'}]", "steps.0.url", "secret"),
        ('steps: [{name: a, url: x, body: \'{"password": "abc"}\'}]', "steps.0.body", "secret"),
        (
            "steps: [{name: a, url: x, auth: {type: basic, username: b, password: c}}]",
            "steps.0.auth",
            "auth.password is a secret",
        ),
        (
            "secrets: [pin]\nsteps: [{name: a, url: x, if: pin starts_with 1}]",
            "steps.0.condition",
            "only 'exists' and 'absent'",
        ),
        ("variables: {x: .nan}", "variables", "JSON"),
        ("secrets: {a b: c}", "secrets", "no name"),
        ("steps: [{name: a, url: x, method: BREW}]", "steps.0.method", "BREW"),
    ],
)
def test_an_error_names_the_step_and_the_field(text, field, words):
    with pytest.raises(BadDocument) as error:
        from_yaml(text)

    assert error.value.field == field
    assert words in error.value.message


def test_headers_that_name_a_variable_are_no_secrets():
    stored = from_yaml("steps: [{name: a, url: x, headers: {Authorization: 'Bearer {{token}}'}}]")

    assert stored["steps"][0]["headers"] == [["Authorization", "Bearer {{token}}"]]


def test_variables_whose_names_say_that_they_are_secret_are_kept_as_secrets():
    stored = from_yaml("variables: {api_key: abc, user: ada}\nsteps: []")

    assert (stored["variables"], stored["secrets"]) == ({"user": "ada"}, {"api_key": "abc"})


def test_too_many_steps_are_refused():
    steps = "\n".join(f"  - {{name: s{number}, url: x}}" for number in range(51))
    with pytest.raises(BadDocument, match="50 steps"):
        from_yaml(f"steps:\n{steps}")


@pytest.mark.parametrize(
    "line",
    [
        "token = jsonpath $.a[?@.b == 'c = d'].e",
        'secret token or "a = b" = header X-Token',
        'all ids or [1, {"a": 2}] = jsonpath $..id',
        "secret = cookie sid",
        "where = url",
        "code = status",
    ],
)
def test_an_extraction_is_one_line(line):
    assert as_line(from_line(line)) == line


@pytest.mark.parametrize("line", ["", "x", "x = nothing", "x = jsonpath", "x or oops = body", "{x} = body"])
def test_a_line_that_extracts_nothing_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        from_line(line)


def test_an_extraction_with_a_strange_place_is_written_as_a_mapping():
    given = Extraction(name="x", source="regex", of="a\nb")
    stored = as_plain(
        read_document(
            {
                "steps": [
                    {
                        "name": "a",
                        "url": "x",
                        "extract": [given.__class__ and {"name": "x", "source": "regex", "of": given.of}],
                    }
                ]
            }
        )
    )

    assert from_yaml(as_yaml(read_document(stored))) == stored
