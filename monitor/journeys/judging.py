"""What an answer is worth to its step: assertions, what is taken out of it, and the sentences of both."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from monitor.journeys.document import Step
from monitor.journeys.exchange import Exchanged
from monitor.journeys.extracting import Extraction, NotFound, extracted
from monitor.journeys.results import Check
from monitor.journeys.scripting import ScriptAnswer
from monitor.journeys.templates import BadTemplate, Scope
from monitor.journeys.under_way import Run
from monitor.lib.outbound.turns import take_turn
from monitor.probing.assertion_lines import as_line
from monitor.probing.assertions import Assertion
from monitor.probing.bounds import JUDGING, BadAssertion, TooSlow, judging
from monitor.probing.certificates import Certificate, read_certificate
from monitor.probing.comparing import within
from monitor.probing.judging import Verdict, judge_all
from monitor.probing.kinds.http import subject_of, told


class Broken(Exception):
    """An error of ours, or of the document: the target is not at fault."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    verdicts: list[Verdict]
    values: list[tuple[Extraction, Any]]
    problems: list[str]
    certificate: Certificate | None


async def judge_answer(run: Run, step: Step, exchanged: Exchanged, body: str) -> Judged:
    """Assertions and extractions, in a thread of their own: other journeys go on meanwhile."""
    assertions = [_filled(each, run.scope) for each in step.assertions]
    places = [run.scope.fill(each.of) for each in step.extract]
    url = exchanged.answer.url
    cookies = run.cookies.of(url) if run.cookies is not None else {}
    if not assertions and not places and exchanged.answer.certificate is None:
        return Judged(verdicts=[], values=[], problems=[], certificate=None)

    def judge() -> Judged:
        answer = exchanged.answer
        certificate = read_certificate(answer.certificate) if answer.certificate else None
        subject = subject_of(answer, body, certificate, now=datetime.now(UTC))
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
        return Judged(verdicts=verdicts, values=values, problems=problems, certificate=certificate)

    return await take_turn(JUDGING, judge)


def _filled(assertion: Assertion, scope: Scope) -> Assertion:
    """Raises BadTemplate and Broken."""
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
        raise Broken(f"{as_line(assertion)}: {error}") from None


def check_of(run: Run, verdict: Verdict) -> Check:
    detail = verdict.as_detail()
    return Check(
        text=run.keeper.value(detail["text"]),
        holds=verdict.holds,
        severity=detail["severity"],
        actual=run.keeper.value(detail["actual"]),
        problem=run.keeper.value(detail["problem"]),
    )


def status_failures(step: Step, status: int) -> list[str]:
    if step.statuses:
        accepted = any(within(status, code) for code in step.statuses)
    else:
        accepted = status < 400 or step.looks_at_status
    return [] if accepted else [f"The status is {status}."]


def not_held(
    run: Run, judged: Judged, before: ScriptAnswer, after: ScriptAnswer, severity: str
) -> list[tuple[Check, str]]:
    found = [
        (check_of(run, each), told(each, hide=run.keeper.veil.over))
        for each in judged.verdicts
        if not each.holds and each.assertion.severity == severity
    ]
    tests = [each for each in (*before.checks, *after.checks) if not each.holds]
    return found + [(each, "") for each in tests if each.severity == severity]


def sentence(check: Check, told_as: str) -> str:
    return told_as or f"{check.text}: {check.problem or 'failed'}".rstrip(".") + "."
