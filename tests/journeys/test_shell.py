"""`manage.py journey`, started as from a shell: no settings, no database."""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from monitor.journeys.files import rows_in, variables_in
from tests.journeys.collections import shop_collection
from tests.journeys.targets import PASSWORD, TOKEN, Shop
from tests.probing.http_target import http_target
from tests.web import ROOT

JOURNEY = """
name: Shop
secrets: [password]
steps:
  - name: Log in
    method: POST
    url: "{{base}}/login"
    body: {password: "{{password}}"}
    extract: [secret token = jsonpath $.token]
  - name: Who am I
    url: "{{base}}/me"
    headers: {Authorization: "Bearer {{token}}"}
    assert:
      - jsonpath $.name == "{{who}}"
      - warn response_ms < 0
"""


@pytest.fixture
def shop():
    shop = Shop()
    with http_target(shop) as target:
        shop.base = target.url("")
        yield shop


@pytest.fixture
def folder(tmp_path, shop):
    (tmp_path / "shop.yaml").write_text(JOURNEY)
    (tmp_path / "local.env").write_text(f"# ours\nbase={shop.base}\nexport password='{PASSWORD}'\nwho=ada\n")
    (tmp_path / "collection.json").write_text(json.dumps(shop_collection()))
    return tmp_path


def journey(folder, *arguments):
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "journey", *arguments],
        cwd=folder,
        env=plain,
        capture_output=True,
        text=True,
        timeout=120,
    )


def cases_of(folder):
    return ElementTree.parse(folder / "out.xml")  # noqa: S314 - our own file


HERE = ("--allow", "127.0.0.0/8")


def test_it_runs_without_a_database_and_tells_each_step(folder):
    done = journey(folder, "run", "shop.yaml", "--env", "local.env", *HERE, "--junit", "out.xml")

    assert done.returncode == 0, done.stderr + done.stdout
    assert "warn     Who am I  GET" in done.stdout
    assert "ok    jsonpath $.name == " in done.stdout
    cases = cases_of(folder).findall(".//testcase")
    assert [case.get("name") for case in cases] == ["Log in", "Who am I"]
    assert not any(secret in done.stdout + (folder / "out.xml").read_text() for secret in (PASSWORD, TOKEN))


def test_a_failure_is_exit_code_1_and_a_failing_case(folder):
    done = journey(
        folder, "run", "shop.yaml", "--env", "local.env", *HERE, "--var", "who=bob", "--junit", "out.xml"
    )

    assert done.returncode == 1
    suite = cases_of(folder).find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "bob" in suite.find("testcase/failure").text
    assert "FAIL" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "shop.yaml", *HERE), "password has no value"),
        (("run", "shop.yaml", "--env", "local.env"), "OUTBOUND_ALLOW"),
        (("run", "nothing.yaml"), "cannot be read"),
        (("run", "local.env"), "mapping with 'steps'"),
        (("run", "shop.yaml", "--var", "x"), "NAME=VALUE"),
        (("run", "shop.yaml", "--allow", "everything"), "--allow"),
    ],
)
def test_what_cannot_be_run_is_exit_code_2(folder, arguments, words):
    done = journey(folder, *arguments)

    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stdout + done.stderr


def test_each_row_is_a_run(folder):
    (folder / "rows.csv").write_text("who,note\nada,x\nbob,y\n")
    done = journey(
        folder, "run", "shop.yaml", "--env", "local.env", "--data", "rows.csv", *HERE, "--junit", "out.xml"
    )

    assert done.returncode == 1
    suites = cases_of(folder).findall("testsuite")
    assert [suite.get("failures") for suite in suites] == ["0", "1"]


def test_a_collection_runs_as_it_is_and_can_be_made_a_journey(folder):
    ran = journey(folder, "run", "collection.json", "--env", "local.env", *HERE)
    made = journey(folder, "import", "collection.json")

    assert ran.returncode == 1
    assert "Missing page" in ran.stdout
    assert "runs: Log in, test script" in made.stderr
    (folder / "made.yaml").write_text(made.stdout)
    again = journey(folder, "run", "made.yaml", "--env", "local.env", *HERE)
    assert again.stdout.count("FAIL") == ran.stdout.count("FAIL")


@pytest.mark.parametrize(
    "text",
    [
        "a=1\n# c\nexport b='x y'\n",
        'a: "1"\nb: x y\n',
        '{"a": "1", "b": "x y"}',
        '{"values": [{"key": "a", "value": "1"}, {"key": "b", "value": "x y"},'
        ' {"key": "c", "enabled": false}]}',
    ],
    ids=["lines", "yaml", "json", "postman"],
)
def test_an_environment_is_read_in_every_form(tmp_path, text):
    (tmp_path / "env").write_text(text)

    assert variables_in(tmp_path / "env") == {"a": "1", "b": "x y"}


@pytest.mark.parametrize("text", ["a,b\n1,x\n", '[{"a": "1", "b": "x"}]'], ids=["csv", "json"])
def test_rows_are_read_in_both_forms(tmp_path, text):
    (tmp_path / "rows").write_text(text)

    assert rows_in(tmp_path / "rows") == [{"a": "1", "b": "x"}]
