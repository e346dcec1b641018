"""Postman's own runner, as it is on npm, and ours go through the same collection."""

import json
import os
import shutil
import subprocess

import pytest

from monitor.journeys.imports.postman import read_collection
from tests.journeys.collections import collection, request, shop_collection
from tests.journeys.targets import PASSWORD, Shop, go_through
from tests.probing.http_target import http_target
from tests.published.environments import node_modules_with

pytestmark = pytest.mark.skipif(
    shutil.which("npm") is None and os.environ.get("CI") != "true", reason="Node is not installed"
)


@pytest.fixture(scope="module")
def newman():
    return node_modules_with("newman") / "node_modules" / ".bin" / "newman"


@pytest.fixture
def shop():
    shop = Shop()
    with http_target(shop) as target:
        shop.base = target.url("")
        yield shop


def environment(shop):
    values = {"base": shop.base, "password": PASSWORD}
    return {"values": [{"key": key, "value": value, "enabled": True} for key, value in values.items()]}


def by_newman(newman, given, shop, folder):
    """Passes and failures as Newman has them: (request, test, passed), and what it asked for."""
    files = {"collection.json": given, "environment.json": environment(shop)}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    subprocess.run(
        [str(newman), "run", "collection.json", "--environment", "environment.json",
         "--reporters", "json", "--reporter-json-export", "report.json"],
        cwd=folder,
        env=plain,
        capture_output=True,
        timeout=120,
    )  # fmt: skip
    report = json.loads((folder / "report.json").read_text())["run"]
    seen, shop.seen = shop.seen, []
    return seen, [
        (execution["item"]["name"], each["assertion"], "error" not in each)
        for execution in report["executions"]
        for each in execution.get("assertions", [])
    ]


def by_us(given, shop, *, plain):
    brought = read_collection(given, environment=environment(shop), plain=plain)
    run = go_through(brought.document())
    seen, shop.seen = shop.seen, []
    return seen, run


def test_every_test_of_every_script_passes_and_fails_alike(newman, shop, tmp_path):
    asked, theirs = by_newman(newman, shop_collection(), shop, tmp_path)
    we_asked, run = by_us(shop_collection(), shop, plain=False)

    ours = [(step.name, check.text, check.holds) for step in run.steps for check in step.checks]
    assert sorted(ours) == sorted(theirs)
    assert {passed for _, _, passed in theirs} == {True, False}
    assert we_asked == asked
    assert len(asked) == 4


def test_plain_assertions_in_place_of_scripts_fail_the_same_requests(newman, shop, tmp_path):
    asked, theirs = by_newman(newman, shop_collection(), shop, tmp_path)
    we_asked, run = by_us(shop_collection(), shop, plain=True)

    assert we_asked == asked
    for step in run.steps:
        failing = any(name == step.name and not passed for name, _, passed in theirs)
        assert step.has_failed is failing, step
    # More is said than by names of tests alone, and nothing twice.
    assert any(check.text == "status == 200" for check in run.steps[0].checks)


CLAIMS = {
    "equal": "pm.expect(1).to.equal(1)",
    "strings are no numbers": 'pm.expect("1").to.equal(1)',
    "eql": "pm.expect({a: [1, {b: 2}]}).to.eql({a: [1, {b: 2}]})",
    "eql of another": "pm.expect({a: 1}).to.eql({a: 1, b: 2})",
    "not": "pm.expect(1).to.not.equal(2)",
    "not fails": "pm.expect(1).to.not.equal(1)",
    "include text": 'pm.expect("abc").to.include("b")',
    "include members": "pm.expect([1, 2]).to.include(2)",
    "include of objects": "pm.expect({a: 1, b: 2}).to.include({a: 1})",
    "property": 'pm.expect({a: 1}).to.have.property("a", 1)',
    "no property": 'pm.expect({a: 1}).to.have.property("b")',
    "nested property": 'pm.expect({a: {b: [1]}}).to.have.nested.property("a.b[0]", 1)',
    "a property's own claims": 'pm.expect({a: [1, 2]}).to.have.property("a").with.lengthOf(2)',
    "keys": 'pm.expect({a: 1, b: 2}).to.have.keys("a", "b")',
    "too few keys": 'pm.expect({a: 1, b: 2}).to.have.keys("a")',
    "all keys": 'pm.expect({a: 1, b: 2}).to.have.all.keys("a", "b")',
    "any keys": 'pm.expect({a: 1, b: 2}).to.have.any.keys("a", "z")',
    "contain keys": 'pm.expect({a: 1, b: 2}).to.include.keys("a")',
    "above": "pm.expect(2).to.be.above(1)",
    "at least": "pm.expect(2).to.be.at.least(3)",
    "below": "pm.expect(2).to.be.below(3)",
    "at most": "pm.expect(2).to.be.at.most(1)",
    "within": "pm.expect(2).to.be.within(1, 3)",
    "one of": "pm.expect(2).to.be.oneOf([1, 2])",
    "type": 'pm.expect([]).to.be.an("array")',
    "type of null": 'pm.expect(null).to.be.an("object")',
    "match": 'pm.expect("abc").to.match(/^a.c$/)',
    "ok": "pm.expect(0).to.be.ok",
    "true": "pm.expect(1).to.be.true",
    "false": "pm.expect(false).to.be.false",
    "null": "pm.expect(null).to.be.null",
    "undefined": "pm.expect(undefined).to.be.undefined",
    "exist": "pm.expect(0).to.exist",
    "empty": "pm.expect([]).to.be.empty",
    "not empty": 'pm.expect("a").to.not.be.empty',
    "empty of a number": "pm.expect(0).to.be.empty",
    "length": "pm.expect([1, 2]).to.have.lengthOf(2)",
    "length above": "pm.expect([1, 2]).to.have.length.above(2)",
    "members": "pm.expect([1, 2]).to.have.members([2, 1])",
    "include members of": "pm.expect([1, 2]).to.include.members([2])",
    "deep include": "pm.expect([{a: 1}]).to.deep.include({a: 1})",
    "string": 'pm.expect("abc").to.have.string("bc")',
    "close to": "pm.expect(1.5).to.be.closeTo(1.4, 0.2)",
    "throws": 'pm.expect(() => { throw new Error("boo"); }).to.throw("boo")',
    "chains": 'pm.expect([1]).to.be.an("array").that.is.not.empty',
    "chains with and": 'pm.expect("abc").to.be.a("string").and.include("z")',
    "status reason": 'pm.response.to.have.status("OK")',
    "response ok": "pm.response.to.be.ok",
    "client error": "pm.response.to.be.clientError",
    "json": "pm.response.to.be.json",
    "header": 'pm.response.to.have.header("X-Nobody")',
    "json body": 'pm.response.to.have.jsonBody("cookies")',
    "with body": "pm.response.to.be.withBody",
    "code": "pm.expect(pm.response.code).to.eql(200)",
    "headers": 'pm.expect(pm.response.headers.get("content-type")).to.include("json")',
    "reason": 'pm.expect(pm.response.status).to.equal("OK")',
    "replace in": 'pm.expect(pm.variables.replaceIn("{{user}}!")).to.equal("ada!")',
    "has": 'pm.expect(pm.environment.has("nobody")).to.be.false',
    "request": 'pm.expect(pm.request.method).to.equal("GET")',
    "info": 'pm.expect(pm.info.requestName).to.equal("Claims")',
    "a thrown error": "null.x",
}


def test_claims_hold_as_in_the_library_that_newman_brings(newman, shop, tmp_path):
    test = "\n".join(f"pm.test({json.dumps(name)}, () => {{ {claim}; }});" for name, claim in CLAIMS.items())
    given = collection(
        request("Claims", "{{base}}/welcome", test=test), variable=[{"key": "user", "value": "ada"}]
    )
    _, theirs = by_newman(newman, given, shop, tmp_path)
    _, run = by_us(given, shop, plain=False)

    ours = {check.text: check.holds for check in run.steps[0].checks}
    assert ours == {test: passed for _, test, passed in theirs}
    assert len(ours) == len(CLAIMS)
