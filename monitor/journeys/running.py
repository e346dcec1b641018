"""Go through a journey once: pure of tables, every address judged, nothing secret in what comes out."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from monitor.journeys.cookies import Cookies
from monitor.journeys.document import Journey, Step, read_condition
from monitor.journeys.exchange import Exchanged, Prepared, exchange, prepared
from monitor.journeys.judging import Broken, check_of, judge_answer, not_held, sentence, status_failures
from monitor.journeys.results import JourneyRun, Keeper, StepOutcome, StepRun
from monitor.journeys.scripting import CannotScript, ScriptAnswer
from monitor.journeys.step_scripts import carry_out, console_of
from monitor.journeys.templates import BadTemplate, Scope, as_text
from monitor.journeys.under_way import Run
from monitor.journeys.veil import Veil
from monitor.lib.outbound import BadHeader, OutboundError, UnusableUrl
from monitor.lib.outbound.errors import BlockedTarget
from monitor.lib.outbound.turns import HELD_UP_S, Turns, stood_still, take_turn, watched_turns
from monitor.probing.bounds import JUDGING, BadAssertion, TooSlow, judging
from monitor.probing.finding import BLOCKED_WORDS, Way
from monitor.probing.logins import NoToken

# Scripts choose what follows: without an end of ours a journey could go round for ever.
MOST_EXECUTED = 100
TOO_MANY = (
    f"Not carried out: {MOST_EXECUTED} steps are the most of one run, and scripts jumped back too often."
)
BETWEEN_RETRIES_S = 0.5
# A target may hand out new ones with each answer, and each is looked for in all that is kept.
MOST_HIDDEN_COOKIES = 500
STOOD_STILL = "The prober stood still during this step."


async def run_rows(
    journey: Journey, way: Way, *, variables: Mapping[str, Any] | None = None, keep_all: bool = False
) -> list[JourneyRun]:
    """A run for each row of data, one after the other; one run where there are no rows."""
    ends_at = time.monotonic() + way.timeout_s
    if not journey.rows:
        return [await run_journey(journey, way, variables=variables, keep_all=keep_all, ends_at=ends_at)]
    return [
        await run_journey(
            journey,
            way,
            variables=variables,
            row=row,
            number=number,
            keep_all=keep_all,
            ends_at=ends_at,
        )
        for number, row in enumerate(journey.rows, 1)
    ]


async def run_journey(
    journey: Journey,
    way: Way,
    *,
    variables: Mapping[str, Any] | None = None,
    row: Mapping[str, Any] | None = None,
    number: int = 0,
    keep_all: bool = False,
    ends_at: float | None = None,
) -> JourneyRun:
    """How each step went, within `way.timeout_s`. `variables` go before the document's, and a row before
    those. `keep_all` keeps requests and answers of steps that passed, too."""
    veil = Veil()
    given = dict(variables or {})
    secrets = {**journey.secrets, **{name: str(given.pop(name)) for name in journey.secrets if name in given}}
    run = Run(
        journey=journey,
        way=way,
        scope=Scope(journey.variables, given, row or {}, secrets=secrets, veil=veil),
        keeper=Keeper(veil),
        keep_all=keep_all,
        cookies=Cookies() if journey.keep_cookies else None,
        row=row or {},
        ends_at=ends_at if ends_at is not None else time.monotonic() + way.timeout_s,
        known_names={each.name for step in journey.steps for each in step.extract},
    )
    done = await _steps(run)
    return JourneyRun(
        steps=tuple(done),
        response_ms=round(sum(step.response_ms or 0 for step in done), 3),
        row=number,
        is_out_of_time=time.monotonic() >= run.ends_at,
    )


async def _steps(run: Run) -> list[StepRun]:
    done: list[StepRun] = []
    places = {step.name: at for at, step in enumerate(run.journey.steps)}
    at, is_over = 0, False
    while at < len(run.journey.steps) and len(done) < MOST_EXECUTED:
        step = run.journey.steps[at]
        at += 1
        stops = is_over or (run.has_failed and run.journey.on_failure == "stop")
        if stops and not step.always_run:
            why = "the journey was over" if is_over else "a step before failed"
            done.append(_skipped(step, f"Left out: {why}."))
            continue
        run.jump = msgspec.UNSET
        ran = await _step(run, step)
        done.append(ran)
        run.has_failed = run.has_failed or ran.has_failed
        if run.jump is None:
            is_over = True
        elif run.jump is not msgspec.UNSET and run.jump in places:
            at = places[run.jump]
    if at < len(run.journey.steps):
        done.append(StepRun(name=run.journey.steps[at].name, outcome=StepOutcome.BROKEN, message=TOO_MANY))
    return done


def _skipped(step: Step, message: str) -> StepRun:
    return StepRun(name=step.name, outcome=StepOutcome.SKIPPED, message=message)


async def _step(run: Run, step: Step) -> StepRun:
    if step.condition:
        try:
            if not await _condition_holds(run, step):
                return _skipped(step, f"Left out: not {step.condition}.")
        except (BadAssertion, BadTemplate, TypeError, TooSlow) as error:
            return _ended(run, step, StepOutcome.BROKEN, f"The condition cannot be judged: {error}.")
    if step.delay_ms:
        await asyncio.sleep(max(min(step.delay_ms / 1000, run.left_s(step)), 0))
    for attempt in range(1, step.retries + 2):
        ran = await _attempt(run, step, attempt)
        if ran.outcome != StepOutcome.FAILED or run.left_s(step) <= BETWEEN_RETRIES_S:
            break
        if attempt <= step.retries:
            await asyncio.sleep(BETWEEN_RETRIES_S)
    return ran


async def _condition_holds(run: Run, step: Step) -> bool:
    condition = read_condition(step.condition)
    found = run.scope.has(condition.name)
    actual = run.scope.get(condition.name) if found else None

    def judge() -> bool:
        with judging():
            return condition.holds(found=found, actual=actual)

    # A pattern may take its half of a second, in which other journeys go on.
    return await take_turn(JUDGING, judge)


def _ended(
    run: Run, step: Step, outcome: StepOutcome, message: str, *, sent: Prepared | None = None, **more: Any
) -> StepRun:
    url = sent.options.url if sent else step.url
    return StepRun(
        name=step.name,
        outcome=outcome,
        message=run.keeper.value(message),
        method=step.method,
        url=run.keeper.veil.url(url)[:2048],
        **more,
    )


async def _attempt(run: Run, step: Step, attempt: int) -> StepRun:
    sent: Prepared | None = None
    is_blocked = False
    left_s = run.left_s(step)
    if left_s <= 0:
        # Each step before it had less time than was left: nothing but a stop of ours makes it so late.
        if time.monotonic() > run.ends_at + HELD_UP_S:
            return _ended(run, step, StepOutcome.BROKEN, STOOD_STILL)
        return _ended(run, step, StepOutcome.FAILED, "The journey's time ran out before this step.")
    limit_s = min(step.timeout_s, left_s)
    before, turns, began = ScriptAnswer(), Turns(), time.monotonic()
    try:
        with watched_turns() as turns:
            async with asyncio.timeout(limit_s):
                if step.before:
                    before = await carry_out(run, step, step.before, sent=None, exchanged=None)
                sent = _sent(run, step, before)
                exchanged = await exchange(sent, run.way, run.cookies)
                return await _judge_step(run, step, sent, exchanged, before=before, attempt=attempt)
    except TimeoutError:
        whose = "its time" if left_s > step.timeout_s else "the journey's time"
        outcome, message = StepOutcome.FAILED, f"No complete answer within {whose}, {limit_s:.3g} s."
        if turns.waiting:
            outcome, message = StepOutcome.BROKEN, "This step had to wait for others, and its time ran out."
        elif stood_still(since=began, limit_s=limit_s):
            outcome, message = StepOutcome.BROKEN, STOOD_STILL
    except BlockedTarget:
        outcome, message, is_blocked = StepOutcome.BROKEN, BLOCKED_WORDS, True
    except BadTemplate as error:
        # What an earlier answer should have brought is the target's; what nobody ever sets is the document's.
        was_due = error.name in run.known_names or (error.name and run.journey.has_scripts)
        outcome, message = StepOutcome.FAILED if was_due else StepOutcome.BROKEN, str(error)
    except (UnusableUrl, BadHeader, Broken, CannotScript) as error:
        outcome, message = StepOutcome.BROKEN, str(error)
    except (OutboundError, NoToken) as error:
        outcome, message = StepOutcome.FAILED, str(error)
    return _ended(
        run,
        step,
        outcome,
        message,
        sent=sent,
        checks=before.checks,
        console=console_of(run, before),
        request=run.keeper.message(tuple(sent.headers), sent.options.body) if sent else None,
        attempts=attempt,
        is_blocked=is_blocked,
    )


def _sent(run: Run, step: Step, before: ScriptAnswer) -> Prepared:
    """What goes out, with the headers that the script before it set."""
    sent = prepared(step, run.journey, run.scope)
    if not before.headers:
        return sent
    return Prepared(
        options=sent.options,
        extra_headers=tuple(
            (name, run.scope.fill_written(text, by=step.before)) for name, text in before.headers
        ),
    )


async def _judge_step(
    run: Run, step: Step, sent: Prepared, exchanged: Exchanged, *, before: ScriptAnswer, attempt: int
) -> StepRun:
    answer = exchanged.answer
    body = answer.body.decode(errors="replace")
    if run.cookies is not None:
        for value in run.cookies.of(answer.url).values():
            if len(value) >= 8 and len(run.hidden_cookies) < MOST_HIDDEN_COOKIES:
                run.hidden_cookies.add(value)
                run.keeper.veil.add(value)
    judged = await judge_answer(run, step, exchanged, body)
    for extraction, value in judged.values:
        run.scope.put(extraction.name, value, is_secret=extraction.secret)
    after = ScriptAnswer()
    if step.after:
        after = await carry_out(run, step, step.after, sent=sent, exchanged=exchanged)
    verdict_checks = tuple(check_of(run, each) for each in judged.verdicts)
    checks = (*before.checks, *verdict_checks, *after.checks)
    failures = status_failures(step, answer.status_code) + judged.problems
    failures += [sentence(each, told_as) for each, told_as in not_held(run, judged, before, after, "fail")]
    warnings = [sentence(each, told_as) for each, told_as in not_held(run, judged, before, after, "warn")]
    outcome = StepOutcome.FAILED if failures else StepOutcome.WARNED if warnings else StepOutcome.PASSED
    keeps = run.keep_all or outcome != StepOutcome.PASSED
    return _ended(
        run,
        step,
        outcome,
        " ".join([*failures, *warnings]) or f"{answer.status_code} in {answer.latency_ms:.0f} ms",
        sent=sent,
        status=answer.status_code,
        response_ms=answer.latency_ms,
        response_bytes=len(answer.body),
        phases=answer.phases,
        redirects=tuple(
            {"status": hop.status_code, "url": run.keeper.veil.url(hop.url)} for hop in answer.redirects
        ),
        checks=checks,
        extracted={
            each.name: "secret" if run.scope.is_secret(each.name) else run.keeper.value(as_text(value))
            for each, value in judged.values
        },
        console=console_of(run, before, after),
        request=run.keeper.message(exchanged.sent_headers, sent.options.body) if keeps else None,
        answer=run.keeper.message(answer.headers, body, truncated=answer.truncated) if keeps else None,
        certificate_until=judged.certificate.valid_until if judged.certificate else None,
        attempts=attempt,
    )
