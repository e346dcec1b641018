"""Journeys against a real server on loopback."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from monitor.journeys import judging, running
from monitor.journeys.document import read_document
from monitor.journeys.running import run_journey
from monitor.lib.masking import MASK
from monitor.lib.outbound import OutboundPolicy, turns
from monitor.probing import Outcome
from monitor.probing.finding import Way
from monitor.probing.kinds.journey import finding_of
from tests.journeys.targets import HOME, PASSWORD, TOKEN, Shop, as_json, document, go, log_in, me, outcomes
from tests.probing.http_target import Answer, http_target
from tests.quick import is_quick


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def target(shop):
    with http_target(shop) as found:
        yield found


@pytest.fixture
def base(target):
    return target.url("")


def everything(run):
    return msgspec.json.encode([step.as_detail() for step in run.steps]).decode() + run.message


def test_steps_use_what_those_before_found(base, shop):
    run = go(log_in(base), me(base), {**me(base), "name": "Order", "url": base + "/orders/{{id}}"})

    assert outcomes(run) == ["passed"] * 3
    assert shop.seen == ["POST /login", "GET /me", "GET /orders/7"]
    assert run.message.startswith("3 steps in ")
    assert run.steps[0].phases.wait > 0
    assert run.steps[0].extracted == {"token": "secret", "id": "7"}


def test_no_secret_comes_out_wherever_it_was_repeated(base, shop):
    shop.broken.add("/broken")
    failing = {"name": "Broken", "url": f"{base}/broken?q={{{{password}}}}"}
    run = go(
        log_in(base),
        me(base, assertions=[{"source": "body", "comparison": "contains", "target": "{{token}}x"}]),
        failing,
        on_failure="continue",
        keep_all=True,
    )

    said = everything(run)
    assert outcomes(run) == ["passed", "failed", "failed"]
    assert MASK in said
    for secret in (PASSWORD, TOKEN, "session-of-ada"):
        assert secret not in said


LONG = "".join(f"{at:03x}" for at in range(100, 400))


@pytest.mark.parametrize(
    "judged",
    [
        {"source": "jsonpath", "property": "$.ticket", "comparison": "exists"},
        {"source": "jsonpath", "property": "$.ticket", "comparison": "==", "target": "x"},
        {"source": "body", "comparison": "==", "target": "x"},
        {"source": "status", "comparison": "==", "target": "{{key}}"},
        {"source": "body", "comparison": "not_contains", "target": "{{key}}"},
        {"source": "json_schema", "target": {"properties": {"ticket": {"type": "integer"}}}},
    ],
    ids=["there", "compared", "body", "target", "contained", "schema"],
)
def test_no_beginning_of_a_long_secret_comes_out_where_texts_are_cut(target, base, judged):
    target.answer = lambda asked: as_json({"ticket": LONG, "again": "k" * 300})
    step = {
        "name": "a",
        "url": f"{base}/",
        "extract": [{"name": "ticket", "source": "jsonpath", "of": "$.ticket", "secret": True}],
        "assertions": [judged],
    }
    run = go(step, secrets={"key": "k" * 300})

    said = everything(run)
    assert LONG[:8] not in said
    assert "kkkkkkkk" not in said


@pytest.mark.parametrize(
    ("source", "of", "wanted"),
    [
        ("jsonpath", "$.roles[1]", "buyer"),
        ("header", "content-type", "application/json"),
        ("cookie", "sid", "secret"),
        ("regex", r'"name": "(\w+)"', "ada"),
        ("status", "", "200"),
        ("url", "", "/me"),
    ],
)
def test_values_are_taken_from_everywhere_in_an_answer(base, source, of, wanted):
    secret = source == "cookie"
    run = go(
        log_in(base),
        me(base, extract=[{"name": "it", "source": source, "of": of, "secret": secret}]),
    )

    assert wanted in run.steps[1].extracted["it"]


def test_all_nodes_and_their_types_are_kept(base):
    order = {
        **me(base),
        "name": "Order",
        "url": f"{base}/orders/1",
        "extract": [{"name": "prices", "source": "jsonpath", "of": "$.lines[*].price", "all": True}],
        "assertions": [{"source": "jsonpath", "property": "$.lines[0].price", "target": 3}],
    }
    run = go(log_in(base), order)

    assert run.steps[1].extracted == {"prices": "[3, 4]"}


def test_nothing_to_extract_fails_the_step_unless_there_is_a_default(base):
    wanting = {"name": "x", "source": "jsonpath", "of": "$.nobody"}
    failing = go(log_in(base, extract=[wanting]))
    passing = go(log_in(base, extract=[{**wanting, "default": "none"}]))

    assert "Nothing for x at jsonpath $.nobody." in failing.message
    assert passing.steps[0].extracted == {"x": "none"}


def test_after_a_failure_only_what_always_runs_goes_on(base, shop):
    shop.broken.add("/me")
    logout = {"name": "Log out", "url": f"{base}/logout", "always_run": True}
    run = go(log_in(base), me(base), {**me(base), "name": "Again"}, logout)

    assert outcomes(run) == ["passed", "failed", "skipped", "passed"]
    assert run.message == "Step 2, Who am I: The status is 500."
    assert shop.seen[-1] == "GET /logout"


def test_on_failure_continue_goes_through_all(base, shop):
    shop.broken.add("/me")
    run = go(
        log_in(base),
        me(base),
        {**me(base), "name": "Order", "url": f"{base}/orders/1"},
        on_failure="continue",
    )

    assert outcomes(run) == ["passed", "failed", "passed"]


def test_a_broken_warning_does_not_fail_the_step(base):
    slow = {"source": "response_ms", "comparison": "<", "target": 0, "severity": "warn"}
    run = go(log_in(base, assertions=[slow]), me(base))

    assert outcomes(run) == ["warned", "passed"]
    assert "response_ms should be < 0" in run.message


@pytest.mark.parametrize(
    ("condition", "runs"),
    [
        ("id == 7", True),
        ("id > 7", False),
        ("id exists", True),
        ("nobody exists", False),
        ("nobody absent", True),
        ('kind in "a, b"', True),
    ],
)
def test_a_step_runs_only_when_its_condition_holds(base, condition, runs):
    run = go(log_in(base), me(base, condition=condition), variables={"kind": "b"})

    assert outcomes(run)[1] == ("passed" if runs else "skipped")


def test_other_journeys_go_on_while_the_pattern_of_a_condition_is_searched(target, base):
    target.answer = lambda asked: Answer(200, b"a" * 40 + b"!")
    body = {"name": "text", "source": "body"}
    journey = read_document(
        document(
            {"name": "Get", "url": f"{base}/", "extract": [body]},
            {"name": "Ask", "url": f"{base}/", "condition": "text matches (a|a)+(a|a)+(a|a)+$"},
        )
    )

    async def longest_pause_s() -> float:
        gaps = []
        running = asyncio.ensure_future(run_journey(journey, Way(policy=HOME, timeout_s=10)))
        while not running.done():
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)
        message = (await running).steps[1].message
        assert "too long" in message or "cannot be judged" in message
        return max(gaps)

    assert is_quick(lambda: asyncio.run(longest_pause_s()), within_s=0.4)


def test_cookies_are_kept_from_step_to_step_and_hop_to_hop(base):
    moved = {
        "name": "Moved",
        "url": f"{base}/moved",
        "extract": [{"name": "sent", "source": "jsonpath", "of": "$.cookies"}],
        "assertions": [
            {"source": "jsonpath", "property": "$.cookies", "comparison": "contains", "target": each}
            for each in ("sid=session-of-ada", "hop=first-hop")
        ],
    }
    kept, forgotten = go(log_in(base), moved), go(log_in(base), moved, keep_cookies=False)

    assert outcomes(kept) == ["passed", "passed"]
    assert kept.steps[1].redirects[0]["status"] == 302
    assert outcomes(forgotten) == ["passed", "failed"]


def test_cookies_of_one_host_do_not_go_to_another(base):
    with http_target(lambda asked: as_json({"cookie": asked.headers.get("Cookie", "none")})) as other:
        elsewhere = {
            "name": "Elsewhere",
            "url": other.url("/").replace("127.0.0.1", "localhost"),
            "assertions": [{"source": "jsonpath", "property": "$.cookie", "target": "none"}],
        }
        assert outcomes(go(log_in(base), elsewhere)) == ["passed", "passed"]


def test_a_redirect_takes_no_login_to_another_origin(target, base):
    with http_target() as other:
        target.answer = lambda asked: Answer(307, b"", {"Location": other.url("/taken")})
        go(me(base), secrets={"token": TOKEN})

    assert other.asked[0].path == "/taken"
    assert "Authorization" not in other.asked[0].headers


def test_an_unknown_variable_says_nothing_of_the_target(base, shop):
    run = go({"name": "a", "url": base + "/{{nobody}}"})

    assert outcomes(run) == ["broken"]
    assert run.message == "Step 1, a: The variable nobody is not known."
    assert shop.seen == []


def test_what_an_earlier_answer_should_have_brought_is_the_targets_fault(base):
    wrong = log_in(base, body='{"password": "{{wrong}}"}', statuses=["403"])
    run = go(wrong, me(base), variables={"wrong": "x"}, on_failure="continue")

    assert outcomes(run) == ["failed", "failed"]


def test_every_step_is_judged_by_the_policy(base):
    run = go(log_in(base), policy=OutboundPolicy())

    assert outcomes(run) == ["broken"]
    assert "OUTBOUND_ALLOW" in run.message


def test_a_variable_cannot_lead_where_the_policy_forbids(base):
    run = go(log_in(base), {"name": "b", "url": "{{where}}/x"}, variables={"where": "http://169.254.169.254"})

    assert outcomes(run) == ["passed", "broken"]


def test_what_is_given_goes_before_the_document(base):
    assert outcomes(go(log_in(base), secrets={"password": ""}, given={"password": PASSWORD})) == ["passed"]


def test_a_secret_without_a_value_sends_nothing(base, shop):
    run = go(log_in(base), secrets={"password": ""})

    assert "password has no value" in run.message
    assert shop.seen == []


def slow(asked):
    if asked.path == "/slow":
        time.sleep(0.8)
    return Answer(200)


def test_a_step_has_its_own_time(target, base):
    target.answer = slow
    run = go(
        {"name": "a", "url": f"{base}/slow", "timeout_s": 0.2}, {"name": "b", "url": base, "always_run": True}
    )

    assert outcomes(run) == ["failed", "passed"]
    assert "No complete answer within its time, 0.2 s." in run.message


def test_when_the_journeys_time_is_over_what_cleans_up_still_runs(target, base, shop):
    target.answer = slow
    steps = [
        {"name": "a", "url": f"{base}/slow"},
        {"name": "b", "url": f"{base}/other"},
        {"name": "c", "url": f"{base}/logout", "always_run": True},
    ]
    run = go(*steps, timeout_s=0.5, on_failure="continue")

    assert outcomes(run) == ["failed", "failed", "passed"]
    assert [each.path for each in target.asked] == ["/slow", "/logout"]


def test_a_step_is_tried_again_as_often_as_it_says(target, base):
    answers = [Answer(500), Answer(500), Answer(200)]
    target.answer = lambda asked: answers.pop(0)
    run = go({"name": "a", "url": base, "retries": 2})

    assert (outcomes(run), run.steps[0].attempts) == (["passed"], 3)


@pytest.mark.parametrize(
    ("statuses", "assertions", "outcome"),
    [
        ([], [], "failed"),
        (["404"], [], "passed"),
        (["100-599"], [], "passed"),
        ([], [{"source": "status", "target": 404}], "passed"),
        (["2xx"], [{"source": "status", "target": 404}], "failed"),
    ],
)
def test_a_status_of_400_fails_unless_the_step_speaks_of_statuses(base, statuses, assertions, outcome):
    step = {**me(base), "name": "b", "url": f"{base}/nothing", "statuses": statuses, "assertions": assertions}
    run = go(log_in(base), step)

    assert outcomes(run)[1] == outcome


def test_big_answers_are_kept_short_however_many_fail(target, base):
    target.answer = lambda asked: Answer(500, b"x" * 100_000)
    run = go(*({"name": f"s{n}", "url": base} for n in range(40)), on_failure="continue")

    kept = [len(step.answer.body) for step in run.steps]
    assert max(kept) == 4096
    assert sum(kept) <= 64 * 1024
    assert all(step.answer.truncated for step in run.steps)


def test_a_digest_login_answers_its_challenge(target, base):
    def answer(asked):
        if asked.headers.get("Authorization", "").startswith("Digest "):
            return Answer(200)
        return Answer(401, b"", {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})

    target.answer = answer
    auth = {"type": "digest", "username": "ada", "password": "{{password}}"}

    assert outcomes(go({"name": "a", "url": base, "auth": auth})) == ["passed"]


@pytest.mark.parametrize("on_failure", ["stop", "continue"])
def test_a_prober_that_stood_still_holds_no_step_against_its_target(base, monkeypatch, on_failure):
    monkeypatch.setattr(turns, "HELD_UP_S", 0.3)
    monkeypatch.setattr(running, "HELD_UP_S", 0.3)
    journey = read_document(
        document(
            {"name": "First", "url": base + "/welcome", "timeout_s": 0.3},
            {"name": "Second", "url": base + "/welcome"},
            on_failure=on_failure,
        )
    )

    async def stopped_meanwhile():
        # Nothing runs for so long: as after a SIGSTOP, or on a laptop that was shut.
        asyncio.get_running_loop().call_soon(time.sleep, 1.5)
        return await run_journey(journey, Way(policy=HOME, timeout_s=1))

    run = asyncio.run(stopped_meanwhile())

    assert {step.message for step in run.steps if step.has_failed} == {running.STOOD_STILL}
    assert finding_of([run]).outcome == Outcome.UNKNOWN


def test_a_step_that_only_waited_for_others_says_nothing_of_its_target(base, monkeypatch):
    over = threading.Event()
    step = {"name": "Busy", "url": base + "/welcome", "timeout_s": 0.3}
    asked = [{"source": "status", "comparison": "==", "target": 200}]
    with ThreadPoolExecutor(1) as narrow:
        narrow.submit(over.wait, 60)
        monkeypatch.setattr(judging, "JUDGING", narrow)
        run = go({**step, "assertions": asked})
        over.set()

    assert (outcomes(run), "wait for others" in run.message) == (["broken"], True)
