# ruff: noqa: E501 - tables of cases stay readable on one line each
"""Collections become journeys, and the report leaves out nothing."""

import json
import time

import pytest

from monitor.journeys.imports import BadImport
from monitor.journeys.imports.postman import read_collection
from monitor.journeys.imports.scripts import read_script
from monitor.journeys.imports.statements import statements
from monitor.lib.masking import MASK
from tests.journeys.collections import collection, raw_json, request, shop_collection
from tests.journeys.targets import Shop, go_through, outcomes
from tests.probing.http_target import http_target


def imported(*items, **more):
    return read_collection(collection(*items, **more))


def the_step(item, **more):
    return imported(item, **more).document().steps[0]


@pytest.mark.parametrize(
    ("script", "texts"),
    [
        ("a(); b()", [("a()", 1), ("b()", 1)]),
        ("a()\nb()", [("a()", 1), ("b()", 2)]),
        ("const x = {\n a: 1\n}\nb()", [("const x = {\n a: 1\n}", 1), ("b()", 4)]),
        ("a\n  .b()\n  .c()\nd()", [("a\n  .b()\n  .c()", 1), ("d()", 4)]),
        ("// a;\n/* b;\n */ c(';', \"}\", `{`)", [("c(';', \"}\", `{`)", 3)]),
        ("x.test(/[;}]\\/'/); y()", [("x.test(/[;}]\\/'/)", 1), ("y()", 1)]),
        ("if (a) {\n b()\n}\nelse {\n c()\n}\nd()", [("if (a) {\n b()\n}\nelse {\n c()\n}", 1), ("d()", 7)]),
        ("const a = b / 2; c()", [("const a = b / 2", 1), ("c()", 1)]),
        ("a(", [("a(", 1)]),
        ("a)\nb()", [("a)\nb()", 1)]),
        ("", []),
    ],
)
def test_a_script_is_cut_into_statements(script, texts):
    assert [(each.text, each.line) for each in statements(script)] == texts


@pytest.mark.parametrize(
    ("statement", "lines"),
    [
        ("pm.response.to.have.status(201)", ["status == 201"]),
        ("pm.response.to.be.success", ['status in ["2xx"]']),
        ("pm.response.to.be.notFound", ["status == 404"]),
        ("pm.response.to.have.header('X-A')", ["header X-A exists"]),
        ("pm.response.to.have.header('X-A', 'b')", ['header X-A == "b"']),
        ("pm.expect(pm.response.code).to.be.oneOf([200, 201])", ["status in [200, 201]"]),
        ("pm.expect(pm.response.code).to.not.equal(500)", ["status != 500"]),
        ("pm.expect(pm.response.responseTime).to.be.below(300)", ["response_ms < 300"]),
        ("pm.expect(pm.response.responseTime).to.be.at.most(300)", ["response_ms <= 300"]),
        ("pm.expect(pm.response.text()).to.include('ok')", ['body contains "ok"']),
        ("pm.expect(json.a['b-c'][0].d).to.eql('x')", ["jsonpath $.a['b-c'][0].d is_type \"string\"", "jsonpath $.a['b-c'][0].d == \"x\""]),
        ("pm.expect(json.ok).to.be.true", ['jsonpath $.ok is_type "boolean"', "jsonpath $.ok == true"]),
        ("pm.expect(json.a).to.be.an('array')", ['jsonpath $.a is_type "array"']),
        ("pm.expect(json.a).to.have.lengthOf(2)", ["jsonpath $.a length 2"]),
        ("pm.expect(json.n).to.be.above(2)", ['jsonpath $.n is_type "number"', "jsonpath $.n > 2"]),
        ("pm.expect(json).to.have.property('id')", ['jsonpath $["id"] exists']),
    ],
)  # fmt: skip
def test_common_tests_become_plain_assertions(statement, lines):
    script = f"const json = pm.response.json();\npm.test('it', function () {{ {statement}; }});"
    step = the_step(request("a", "http://a.example/", test=script))

    from monitor.probing.assertion_lines import as_line

    assert [as_line(each) for each in step.assertions] == lines
    assert step.after == ""


@pytest.mark.parametrize(
    "statement",
    [
        "pm.expect(json.a.length).to.equal(2)",
        "pm.expect(json.a).to.equal(other)",
        "pm.expect(json.a.map((x) => x.b)).to.eql([1])",
        "pm.expect(json.a).to.not.equal(1)",
        "for (const x of json.a) pm.expect(x).to.equal(1)",
    ],
)
def test_what_is_not_sure_to_say_the_same_stays_a_script(statement):
    read = read_script(f"const json = pm.response.json();\npm.test('it', () => {{ {statement} }});")

    assert read.assertions == []
    assert statement in read.script
    assert read.fate == "runs"


def test_a_stored_value_becomes_an_extraction():
    step = the_step(
        request("a", "http://a.example/", test="pm.environment.set('token', pm.response.json().data.token);")
    )

    (extraction,) = step.extract
    assert (extraction.name, extraction.of, extraction.default, step.after) == (
        "token",
        "$.data.token",
        None,
        "",
    )


def test_each_script_has_its_line_in_the_report():
    brought = imported(
        request("Runs", "http://a.example/", test="pm.test('a', () => pm.expect(f()).to.equal(1))"),
        request(
            "Partly", "http://a.example/", test="pm.test('a', () => 1);\n\npm.sendRequest('x', () => 1);\n"
        ),
        request("Not", "http://a.example/", test="const _ = require('lodash');\nsetTimeout(() => 1, 5);"),
        {
            **request("Elsewhere", "http://a.example/"),
            "event": [{"listen": "test", "script": {"src": "x.js"}}],
        },
    )

    notes = [(note.fate, note.where, note.line) for note in brought.notes]
    assert notes == [
        ("runs", "Runs, test script", 0),
        ("unsupported", "Partly, test script", 3),
        ("partly", "Partly, test script", 0),
        ("unsupported", "Not, test script", 1),
        ("unsupported", "Not, test script", 2),
        ("unsupported", "Not, test script", 0),
        ("unsupported", "Elsewhere", 0),
    ]
    document = brought.document()
    assert "sendRequest" not in document.steps[1].after
    assert document.steps[2].after == ""


BEARER = {"type": "bearer", "bearer": [{"key": "token", "value": "abc-def"}]}


def test_folders_hand_down_their_login_and_scripts():
    folder = {
        "name": "Folder",
        "auth": BEARER,
        "event": [{"listen": "test", "script": {"exec": ["check('outer')"]}}],
        "item": [
            request("Inner", "http://a.example/", test="check('inner')"),
            request("Open", "http://a.example/", auth={"type": "noauth"}),
        ],
    }
    inner, open_ = (
        imported(folder, event=[{"listen": "prerequest", "script": {"exec": "start()"}}]).document().steps
    )

    assert (inner.auth.type, inner.auth.token, open_.auth.type) == ("bearer", "{{token}}", "none")
    assert inner.before == "start();"
    assert inner.after.index("outer") < inner.after.index("inner")


@pytest.mark.parametrize(
    ("auth", "wanted"),
    [
        ({"type": "basic", "basic": [{"key": "username", "value": "ada"}, {"key": "password", "value": "pw"}]},
         {"type": "basic", "username": "ada", "password": "{{password}}"}),
        ({"type": "digest", "digest": {"username": "ada", "password": "{{pw}}"}},
         {"type": "digest", "username": "ada", "password": "{{pw}}"}),
        ({"type": "oauth2", "oauth2": [{"key": "grant_type", "value": "client_credentials"},
          {"key": "accessTokenUrl", "value": "{{base}}/t"}, {"key": "clientId", "value": "me"},
          {"key": "clientSecret", "value": "s3"}]},
         {"type": "oauth2", "token_url": "{{base}}/t", "client_secret": "{{client_secret}}"}),
        ({"type": "oauth2", "oauth2": [{"key": "accessToken", "value": "at"}]},
         {"type": "bearer", "token": "{{access_token}}"}),
    ],
)  # fmt: skip
def test_logins_are_taken_over_with_their_secrets_apart(auth, wanted):
    step = the_step(request("a", "http://a.example/", auth=auth))

    assert {name: getattr(step.auth, name) for name in wanted} == wanted


@pytest.mark.parametrize(("place", "there"), [("header", "headers"), ("query", "url")])
def test_an_api_key_goes_where_it_is_asked_for(place, there):
    listed = [
        {"key": "key", "value": "X-Key"},
        {"key": "value", "value": "k1"},
        {"key": "in", "value": place},
    ]
    brought = imported(request("a", "http://a.example/", auth={"type": "apikey", "apikey": listed}))

    assert "{{api_key}}" in str(getattr(brought.document().steps[0], there))
    assert brought.secrets == {"api_key": "k1"}


def test_a_login_that_cannot_be_made_is_said():
    brought = imported(request("a", "http://a.example/", auth={"type": "awsv4", "awsv4": []}))

    assert ("unsupported", "a", "the login awsv4 is not made here.") in [
        (note.fate, note.where, note.text) for note in brought.notes
    ]


FORM = [{"key": "user", "value": "ä &"}, {"key": "off", "value": "1", "disabled": True}, {"key": "id", "value": "{{id}}"}]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "text", "kind"),
    [
        (raw_json('{"a": "{{b}}"}'), '{"a": "{{b}}"}', "json"),
        ({"mode": "raw", "raw": "hi"}, "hi", "text"),
        ({"mode": "urlencoded", "urlencoded": FORM}, "user=%C3%A4+%26&id={{id}}", "form"),
        ({"mode": "graphql", "graphql": {"query": "{ a }", "variables": '{"x": 1}'}}, '{"query": "{ a }", "variables": {"x": 1}}', "json"),
    ],
)  # fmt: skip
def test_bodies_are_taken_over(body, text, kind):
    step = the_step(request("a", "http://a.example/", method="POST", body=body))

    assert (step.body, step.body_type) == (text, kind)


def test_a_form_is_sent_with_its_values_encoded():
    seen = []
    with http_target(lambda asked: seen.append(asked.body) or Shop()(asked)) as target:
        brought = imported(
            request(
                "a",
                target.url("/welcome"),
                method="POST",
                body={"mode": "urlencoded", "urlencoded": [{"key": "password", "value": "a&b=c d"}]},
            )
        )
        assert outcomes(go_through(brought.document())) == ["passed"]

    assert seen == [b"password=a%26b%3Dc+d"]
    assert brought.secrets == {"password": "a&b=c d"}


def test_a_form_of_parts_is_sent_and_its_files_are_said():
    seen = []
    parts = [
        {"key": "name", "value": "ada", "type": "text"},
        {"key": "photo", "type": "file", "src": "a.png"},
    ]
    with http_target(lambda asked: seen.append(asked) or Shop()(asked)) as target:
        item = request(
            "a", target.url("/welcome"), method="POST", body={"mode": "formdata", "formdata": parts}
        )
        brought = imported(item)
        go_through(brought.document())

    assert b'name="name"\r\n\r\nada\r\n' in seen[0].body
    assert "boundary=" in seen[0].headers["Content-Type"]
    assert any("photo" in note.text for note in brought.notes)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("a.example/x", "http://a.example/x"),
        ("{{base}}/x", "{{base}}/x"),
        ("{{host}}/x", "http://{{host}}/x"),
        ({"raw": "{{base}}/users/:id?a=b", "variable": [{"key": "id", "value": "7"}]}, "{{base}}/users/7?a=b"),
        ({"protocol": "https", "host": ["a", "example"], "path": ["b"], "query": [{"key": "c", "value": "d"}]}, "https://a.example/b?c=d"),
        ("https://a.example/?token=abc", "https://a.example/?token={{token}}"),
    ],
)  # fmt: skip
def test_addresses_are_taken_over(url, wanted):
    variables = [{"key": "base", "value": "https://a.example"}, {"key": "host", "value": "a.example"}]

    assert the_step(request("a", url), variable=variables).url == wanted


def test_secrets_of_headers_bodies_and_variables_become_secret_variables():
    item = request(
        "a",
        "http://a.example/",
        method="POST",
        header=[{"key": "Authorization", "value": "Bearer abc"}, {"key": "X-Api-Key", "value": MASK}],
        body=raw_json('{"login": {"password": "pw", "user": "ada"}}'),
    )
    environment = {"values": [{"key": "pin", "value": "1234", "type": "secret"}, {"key": "off", "value": "x", "enabled": False}]}  # fmt: skip
    brought = read_collection(collection(item), environment=environment)
    document = brought.document()

    assert document.secrets == {"pin": "1234", "bearer_token": "abc", "x_api_key": "", "password": "pw"}
    assert json.loads(document.steps[0].body)["login"] == {"password": "{{password}}", "user": "ada"}
    assert any("x_api_key, which has no value yet" in note.text for note in brought.notes)
    assert document.variables == {}


def test_rows_of_data_go_before_all_else():
    with http_target(Shop()) as target:
        given = collection(
            request(
                "a", "{{base}}/welcome?n={{n}}", test="pm.test('n', () => pm.expect(data.n).to.equal(5))"
            ),
            variable=[{"key": "base", "value": target.url("")}, {"key": "n", "value": 1}],
        )
        document = read_collection(given, rows=[{"n": 5}]).document()

        assert document.rows == [{"n": 5}]


@pytest.mark.parametrize(
    "given", [{}, {"info": {}, "item": []}, {"info": {"name": "x"}, "item": [{"name": "y"}]}]
)
def test_what_is_no_collection_is_refused(given):
    with pytest.raises(BadImport):
        read_collection(given)


def test_the_whole_shop_is_imported_without_a_line_left_out():
    brought = read_collection(shop_collection())

    assert [step.name for step in brought.document().steps] == [
        "Log in",
        "Me",
        "Order",
        "Jumped over",
        "Missing page",
    ]
    assert {note.fate for note in brought.notes} == {"runs"}


@pytest.mark.parametrize(
    "script",
    [
        "pm.environment.set('a'," + " " * 8_000 + "x",
        "pm.expect(" + " " * 8_000 + "x;",
        '"' + r"\"" * 8_000,
        "`" + r"\`" * 8_000,
        "(" + "/a[" * 4_000,
        "a" + "\n/*" * 5_000,
    ],
    ids=["stored", "expected", "text", "template", "pattern", "comment"],
)
def test_a_script_made_to_be_slow_is_read_in_a_moment(script):
    began = time.process_time()
    read_script(script)

    assert time.process_time() - began < 2


def test_a_script_longer_than_a_step_may_hold_is_left_out_and_said():
    item = {
        "name": "a",
        "request": "http://a.example/",
        "event": [{"listen": "test", "script": {"exec": ["x();" * 20_000]}}],
    }
    brought = read_collection({"info": {"name": "c"}, "item": [item]})

    assert len(brought.document().steps) == 1
    assert any("longer" in note.text for note in brought.notes)
