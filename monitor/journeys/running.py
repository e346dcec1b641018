"""Go through a journey once: pure of tables, every address judged, nothing secret in what comes out."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from monitor.journeys.cookies import Cookies
from monitor.journeys.document import Journey, Step, read_condition
from monitor.journeys.exchange import Exchanged, Prepared, exchange, prepared
from monitor.journeys.extracting import Extraction, NotFound, extracted
from monitor.journeys.results import Check, JourneyRun, Keeper, StepOutcome, StepRun
from monitor.journeys.scripting import CannotScript, ScriptAnswer, run_script
from monitor.journeys.templates import BadTemplate, Scope, as_text, names_in
from monitor.journeys.veil import Veil
from monitor.lib.outbound import BadHeader, OutboundError, UnusableUrl
from monitor.lib.outbound.errors import BlockedTarget
from monitor.lib.outbound.turns import HELD_UP_S, Turns, stood_still, take_turn, watched_turns
from monitor.probing.assertion_lines import as_line
from monitor.probing.assertions import Assertion
from monitor.probing.bounds import JUDGING, BadAssertion, TooSlow, judging
from monitor.probing.certificates import Certificate, read_certificate
from monitor.probing.comparing import within
from monitor.probing.finding import BLOCKED_WORDS, Way
from monitor.probing.judging import Subject, Verdict, judge_all
from monitor.probing.kinds.http import told
from monitor.probing.logins import NoToken

# Scripts choose what follows: without an end of ours a journey could go round for ever.
MOST_EXECUTED = 100
TOO_MANY = (
    f"Not carried out: {MOST_EXECUTED} steps are the most of one run, and scripts jumped back too often."
)
# What is kept for steps that always run, of the time that a journey has.
CLEANUP_SHARE = 0.1
MOST_CLEANUP_S = 5.0
BETWEEN_RETRIES_S = 0.5
MOST_CONSOLE = 20
# A target may hand out new ones with each answer, and each is looked for in all that is kept.
MOST_HIDDEN_COOKIES = 500
ANY_STATUS = "100-599"
STOOD_STILL = "The prober stood still during this step."


class _Broken(Exception):
    """An error of ours, or of the document: the target is not at fault."""


@dataclass
class _Run:
    """What the steps of one run share."""

    journey: Journey
    way: Way
    scope: Scope
    keeper: Keeper
    keep_all: bool
    cookies: Cookies | None
    row: Mapping[str, Any]
    ends_at: float
    has_failed: bool = False
    # Set by a script: the name of what follows, or None for the end.
    jump: Any = msgspec.UNSET
    known_names: set[str] = field(default_factory=set)
    hidden_cookies: set[str] = field(default_factory=set)

    def left_s(self, step: Step) -> float:
        share = 0.0
        if not step.always_run and any(each.always_run for each in self.journey.steps):
            share = min(self.way.timeout_s * CLEANUP_SHARE, MOST_CLEANUP_S)
        return self.ends_at - share - time.monotonic()


@dataclass(frozen=True, kw_only=True)
class _Judged:
    verdicts: list[Verdict]
    values: list[tuple[Extraction, Any]]
    problems: list[str]
    certificate: Certificate | None


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
    run = _Run(
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


async def _steps(run: _Run) -> list[StepRun]:
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


async def _step(run: _Run, step: Step) -> StepRun:
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


async def _condition_holds(run: _Run, step: Step) -> bool:
    condition = read_condition(step.condition)
    found = run.scope.has(condition.name)
    actual = run.scope.get(condition.name) if found else None

    def judge() -> bool:
        with judging():
            return condition.holds(found=found, actual=actual)

    # A pattern may take its half of a second, in which other journeys go on.
    return await take_turn(JUDGING, judge)


def _ended(
    run: _Run, step: Step, outcome: StepOutcome, message: str, *, sent: Prepared | None = None, **more: Any
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


async def _attempt(run: _Run, step: Step, attempt: int) -> StepRun:
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
                    before = await _script(run, step, step.before, sent=None, exchanged=None)
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
    except (UnusableUrl, BadHeader, _Broken, CannotScript) as error:
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
        console=_console(run, before),
        request=run.keeper.message(tuple(sent.headers), sent.options.body) if sent else None,
        attempts=attempt,
        is_blocked=is_blocked,
    )


def _sent(run: _Run, step: Step, before: ScriptAnswer) -> Prepared:
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
    run: _Run, step: Step, sent: Prepared, exchanged: Exchanged, *, before: ScriptAnswer, attempt: int
) -> StepRun:
    answer = exchanged.answer
    body = answer.body.decode(errors="replace")
    if run.cookies is not None:
        for value in run.cookies.of(answer.url).values():
            if len(value) >= 8 and len(run.hidden_cookies) < MOST_HIDDEN_COOKIES:
                run.hidden_cookies.add(value)
                run.keeper.veil.add(value)
    judged = await _judged(run, step, exchanged, body)
    for extraction, value in judged.values:
        run.scope.put(extraction.name, value, is_secret=extraction.secret)
    after = ScriptAnswer()
    if step.after:
        after = await _script(run, step, step.after, sent=sent, exchanged=exchanged)
    verdict_checks = tuple(_check_of(run, each) for each in judged.verdicts)
    checks = (*before.checks, *verdict_checks, *after.checks)
    failures = _status_failures(step, answer.status_code) + judged.problems
    failures += [_sentence(each, told_as) for each, told_as in _broken(run, judged, before, after, "fail")]
    warnings = [_sentence(each, told_as) for each, told_as in _broken(run, judged, before, after, "warn")]
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
        console=_console(run, before, after),
        request=run.keeper.message(exchanged.sent_headers, sent.options.body) if keeps else None,
        answer=run.keeper.message(answer.headers, body, truncated=answer.truncated) if keeps else None,
        certificate_until=judged.certificate.valid_until if judged.certificate else None,
        attempts=attempt,
    )


# --- Judging -----------------------------------------------------------------------------------------------


async def _judged(run: _Run, step: Step, exchanged: Exchanged, body: str) -> _Judged:
    """Assertions and extractions, in a thread of their own: other journeys go on meanwhile."""
    assertions = [_filled(each, run.scope) for each in step.assertions]
    places = [run.scope.fill(each.of) for each in step.extract]
    url = exchanged.answer.url
    cookies = run.cookies.of(url) if run.cookies is not None else {}
    if not assertions and not places and exchanged.answer.certificate is None:
        return _Judged(verdicts=[], values=[], problems=[], certificate=None)

    def judge() -> _Judged:
        answer = exchanged.answer
        certificate = read_certificate(answer.certificate) if answer.certificate else None
        subject = Subject(
            status=answer.status_code,
            headers=answer.headers,
            body=body,
            body_bytes=len(answer.body),
            response_ms=answer.latency_ms,
            redirects=len(answer.redirects),
            tls_days=certificate.days_left(datetime.now(UTC)) if certificate else None,
            tls_version=answer.tls_version,
        )
        values: list[tuple[Extraction, Any]] = []
        problems: list[str] = []
        with judging():
            for each, of in zip(step.extract, places, strict=True):
                try:
                    values.append((each, extracted(each, subject, cookies=cookies, url=url, of=of)))
                except NotFound as error:
                    problems.append(f"Nothing for {each.name} at {error}.")
                except (BadAssertion, ValueError, RecursionError) as error:
                    problems.append(f"{each.name}: {str(error).rstrip('.')}.")
                except TooSlow:
                    problems.append(f"{each.name} took too long to find.")
        for each, value in values:
            # Known before anything of the answer is shown.
            run.scope.hide(each.name, value, is_secret=each.secret)
        verdicts = judge_all(assertions, subject, hide=run.keeper.veil.beginning)
        return _Judged(verdicts=verdicts, values=values, problems=problems, certificate=certificate)

    return await take_turn(JUDGING, judge)


def _filled(assertion: Assertion, scope: Scope) -> Assertion:
    """Raises BadTemplate and _Broken."""
    texts = (assertion.property, assertion.target)
    if not any("{{" in each for each in texts if isinstance(each, str)) and not isinstance(
        assertion.target, list
    ):
        return assertion
    if assertion.source == "json_schema":
        return assertion
    try:
        return msgspec.structs.replace(
            assertion,
            property=scope.fill(assertion.property),
            target=scope.fill_value(assertion.target),
        )
    except ValueError as error:
        if isinstance(error, BadTemplate):
            raise
        raise _Broken(f"{as_line(assertion)}: {error}") from None


def _check_of(run: _Run, verdict: Verdict) -> Check:
    detail = verdict.as_detail()
    return Check(
        text=run.keeper.value(detail["text"]),
        holds=verdict.holds,
        severity=detail["severity"],
        actual=run.keeper.value(detail["actual"]),
        problem=run.keeper.value(detail["problem"]),
    )


def _status_failures(step: Step, status: int) -> list[str]:
    if step.statuses:
        accepted = any(within(status, code) for code in step.statuses)
    else:
        accepted = status < 400 or step.looks_at_status
    return [] if accepted else [f"The status is {status}."]


def _broken(
    run: _Run, judged: _Judged, before: ScriptAnswer, after: ScriptAnswer, severity: str
) -> list[tuple[Check, str]]:
    found = [
        (_check_of(run, each), told(each, hide=run.keeper.veil.over))
        for each in judged.verdicts
        if not each.holds and each.assertion.severity == severity
    ]
    tests = [each for each in (*before.checks, *after.checks) if not each.holds]
    return found + [(each, "") for each in tests if each.severity == severity]


def _sentence(check: Check, told_as: str) -> str:
    return told_as or f"{check.text}: {check.problem or 'failed'}".rstrip(".") + "."


# --- Scripts -----------------------------------------------------------------------------------------------


async def _script(
    run: _Run, step: Step, script: str, *, sent: Prepared | None, exchanged: Exchanged | None
) -> ScriptAnswer:
    """What a script found and did; its variables are set by then. Raises CannotScript."""
    answer = exchanged.answer if exchanged else None
    request = sent.options if sent else None
    said = await run_script(
        script,
        {
            "variables": run.scope.plain(),
            "found": run.scope.found_names(),
            "row": dict(run.row),
            "names": [each.name for each in run.journey.steps],
            "name": step.name,
            "event": "test" if answer else "prerequest",
            "request": {
                "method": step.method,
                "url": request.url if request else _half_filled(run, step.url),
                "headers": [list(pair) for pair in (sent.headers if sent else step.headers)],
                "body": request.body if request else _half_filled(run, step.body),
            },
            "response": None
            if answer is None
            else {
                "code": answer.status_code,
                "headers": [list(pair) for pair in answer.headers],
                "body": answer.body.decode(errors="replace"),
                "ms": answer.latency_ms,
                "bytes": len(answer.body),
                "cookies": run.cookies.of(answer.url) if run.cookies is not None else {},
            },
        },
    )
    for name, value in said.put.items():
        run.scope.put(name, value)
    for name in said.dropped:
        run.scope.drop(name)
    if said.jump is not msgspec.UNSET:
        run.jump = said.jump
    return said.veiled(run.keeper.value)


def _half_filled(run: _Run, text: str) -> str:
    """As far as it can be: a script before the request may be what sets the rest."""
    return text if any(not run.scope.has(name) for name in names_in(text)) else run.scope.fill(text)


def _console(run: _Run, *answers: ScriptAnswer) -> tuple[str, ...]:
    lines = [line for answer in answers for line in answer.console]
    return tuple(run.keeper.value(line) for line in lines[:MOST_CONSOLE])
