"""Scripts in their processes: what they may do, and how they are ended."""

import asyncio
import os
import subprocess
import sys
import time

import pytest

from monitor.journeys.scripting import CannotScript, engine, run_script
from monitor.journeys.scripting.answers import read_answer
from tests.journeys.targets import Shop, go, me, outcomes
from tests.probing.http_target import Answer, http_target

STATE = {
    "variables": {"user": "ada", "url": "{{user}}.example"},
    "row": {"number": 3},
    "names": ["a"],
    "name": "a",
    "event": "test",
    "request": {"method": "GET", "url": "http://a.example/b?c=d", "headers": [["X-A", "b"]], "body": ""},
    "response": {
        "code": 200, "headers": [["X-B", "c"]], "body": '{"a": [1]}', "ms": 12.5, "bytes": 10, "cookies": {},
    },
}  # fmt: skip


def ran(script, **state):
    return asyncio.run(run_script(script, {**STATE, **state}))


def problems(answer):
    return [check.problem for check in answer.checks if not check.holds]


def test_variables_are_read_and_set_and_dropped():
    answer = ran(
        'pm.environment.set("sum", pm.iterationData.get("number") + 1);'
        'pm.globals.set("where", pm.variables.get("url")); pm.variables.unset("user");'
    )

    assert answer.put == {"sum": 4, "where": "ada.example"}
    assert answer.dropped == ("user",)


def test_a_script_before_the_request_adds_headers():
    answer = ran('pm.request.headers.add({key: "X-Run", value: 42})', event="prerequest", response=None)

    assert answer.headers == (("X-Run", "42"),)


def test_a_script_says_what_follows():
    assert ran('pm.execution.setNextRequest("b")').jump == "b"
    assert ran("postman.setNextRequest(null)").jump is None


def test_console_lines_come_out():
    assert ran('console.log("a", {b: 1}); console.error(2)').console == ('a {"b":1}', "2")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("\n\nnull.x", "line 3: TypeError"),
        ("const x = ;", "SyntaxError"),
        ("pm.sendRequest('x')", "pm.sendRequest is not supported here"),
        ("require('lodash')", "require is not supported here"),
        ("setTimeout(() => 1, 1)", "setTimeout is not supported here"),
        ("pm.cookies.jar()", "pm.cookies.jar is not supported here"),
        ("throw new Error('boo')", "Error: boo"),
    ],
)
def test_what_goes_wrong_is_said_with_its_line(script, words):
    (problem,) = problems(ran(script))

    assert words in problem


@pytest.mark.parametrize(
    "script",
    [
        "while (true) {}",
        "/(a+)+$/.test('a'.repeat(50) + 'b')",
        "pm.test('x', () => { while (true) {} })",
        "const o = {toString() { while (true) {} }}; console.log(o + '')",
    ],
    ids=["loop", "pattern", "test", "text"],
)
def test_a_script_without_end_is_ended(script):
    began = time.monotonic()
    (problem, *_) = problems(ran(script)) or ["nothing"]

    assert "took longer than 1 s" in problem or "timed out" in problem.lower(), problem
    assert time.monotonic() - began < engine.KILL_AFTER_S + engine.START_S


@pytest.mark.parametrize(
    "script",
    [
        "const a = []; while (true) a.push(new Array(100000).fill(1))",
        "const a = []; while (true) a.push(new Uint8Array(50_000_000).fill(1))",
    ],
    ids=["heap", "buffers"],
)
def test_a_script_that_eats_memory_is_ended_and_the_next_one_runs(script):
    assert problems(ran(script))
    assert ran("pm.test('x', () => 1)").checks[0].holds


def test_nothing_is_carried_from_one_script_to_the_next():
    ran("globalThis.left = 1; pm.test = null; Array.prototype.map = null")

    assert ran("pm.test('clean', () => pm.expect(typeof left).to.equal('undefined'))").checks[0].holds


def test_a_script_finds_nothing_of_the_machine():
    names = ["process", "require", "fetch", "XMLHttpRequest", "Buffer"]
    answer = ran(f"console.log({names}.filter((name) => typeof globalThis[name] !== 'undefined').join())")

    assert answer.console == ("require",)  # ours, which refuses


def test_what_hangs_beyond_the_engines_limit_is_killed(monkeypatch, tmp_path):
    deaf = tmp_path / "deaf.py"
    deaf.write_text("import time\nwhile True: time.sleep(1)")
    monkeypatch.setattr(engine, "CHILD", deaf)
    monkeypatch.setattr(engine, "_free", [])
    monkeypatch.setattr(engine, "KILL_AFTER_S", 0.3)
    monkeypatch.setattr(engine, "START_S", 0.0)
    started = []
    plain = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(plain(*a, **k)) or started[-1])

    (problem,) = problems(ran("1"))

    assert "ended" in problem
    assert started[0].returncode is not None


def test_a_process_that_dies_fails_its_script_alone(monkeypatch, tmp_path):
    dying = tmp_path / "dying.py"
    dying.write_text("import sys; sys.stdin.readline(); sys.exit(3)")
    with monkeypatch.context() as patched:
        patched.setattr(engine, "CHILD", dying)
        patched.setattr(engine, "_free", [])
        (problem,) = problems(ran("1"))

    assert "ended by itself" in problem
    assert not problems(ran("1"))


def test_a_process_is_used_for_a_while_and_then_replaced(monkeypatch):
    monkeypatch.setattr(engine, "SCRIPTS_A_CHILD", 2)
    monkeypatch.setattr(engine, "_free", [])
    ran("1")
    (first,) = engine._free
    ran("1")
    assert engine._free == []
    ran("1")
    assert engine._free != [first]
    engine.end_children()


@pytest.mark.parametrize("line", [b"", b"[]", b'{"tests": 1}', b'{"surprise": 1}', b"\xff"])
def test_an_answer_that_no_child_of_ours_writes_is_refused(line):
    with pytest.raises(CannotScript):
        read_answer(line)


def test_what_a_script_says_is_capped():
    answer = ran(
        'for (let i = 0; i < 500; i++) pm.test("t" + i, () => 1);'
        'for (let i = 0; i < 500; i++) console.log("x".repeat(10000));'
        'pm.variables.set("long", "x".repeat(100000)); pm.variables.set("bad name", 1)'
    )

    assert len(answer.checks) == 100
    assert len(answer.console) == 50
    assert answer.put == {}


def test_without_its_packages_a_step_says_what_is_missing_and_sends_nothing(monkeypatch):
    monkeypatch.setattr(engine, "is_installed", lambda: False)
    shop = Shop()
    with http_target(shop) as target:
        run = go(me(target.url(""), before="1"), secrets={"token": "x"})

    assert outcomes(run) == ["broken"]
    assert "requirements-postman.txt" in run.message
    assert shop.seen == []


def test_the_child_imports_nothing_of_ours():
    code = (
        f"import runpy, sys; runpy.run_path({str(engine.CHILD)!r}, run_name='child');"
        "ours = ('monitor', 'apimonitor', 'django');"
        "print([name for name in sys.modules if name.split('.')[0] in ours])"
    )
    listed = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )

    assert listed.stdout.strip() == "[]"


def test_a_loop_of_jumps_has_an_end_and_the_run_says_so():
    shop = Shop()
    with http_target(shop) as target:
        step = {"name": "a", "url": target.url("/welcome"), "after": 'pm.execution.setNextRequest("a")'}
        run = go(step, timeout_s=60)

    assert len(run.steps) == 101
    assert (run.steps[-1].outcome, run.steps[-1].name) == ("broken", "a")
    assert run.steps[-1].message.startswith("Not carried out: 100 steps are the most of one run")
    assert "100 steps" in run.message


def test_no_answer_has_a_secret_sent_by_what_a_script_makes_of_it():
    seen = []

    def answer(asked):
        seen.append(asked.headers)
        return Answer(200, b'{"next": "{{password}}"}')

    with http_target(answer) as target:
        first = {
            "name": "a",
            "url": target.url("/"),
            "extract": [{"name": "next", "source": "jsonpath", "of": "$.next"}],
        }
        script = (
            'pm.request.headers.add({key: "X-Next", value: pm.variables.get("next")});'
            'pm.variables.set("kept", pm.variables.get("next"));'
            'pm.request.headers.add({key: "X-Kept", value: pm.variables.get("kept")});'
            'pm.request.headers.add({key: "X-Own", value: "{{plain}}"});'
        )
        run = go(first, {"name": "b", "url": target.url("/"), "before": script}, variables={"plain": "mine"})

    assert outcomes(run) == ["passed", "passed"]
    assert [seen[1][name] for name in ("X-Next", "X-Kept", "X-Own")] == [
        "{{password}}",
        "{{password}}",
        "mine",
    ]


def test_scripts_run_though_very_many_files_are_open():
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        engine.end_children()
        assert ran('pm.variables.set("a", 1)').put == {"a": 1}
    finally:
        engine.end_children()
        for number in opened:
            os.close(number)
