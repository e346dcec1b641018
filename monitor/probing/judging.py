"""Assertions held against an answer: what each found there, and whether it holds."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jsonpath_rfc9535 import JSONPathError

from monitor.probing.assertion_lines import as_line
from monitor.probing.assertions import Assertion
from monitor.probing.bounds import BadAssertion, TooSlow, judging, left_s
from monitor.probing.comparing import compare
from monitor.probing.paths import compiled_path
from monitor.probing.schemas import broken
from monitor.probing.showing import Hide, hiding, nothing_hidden, shown

# What a path may be asked of: beyond it even a plain walk is felt.
PATH_BODY_CHARACTERS = 64 * 1024
PATH_NESTING = 64


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The answer as assertions see it."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: str
    body_bytes: int
    response_ms: float
    redirects: int
    tls_days: float | None = None
    tls_version: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one assertion went; `actual` is masked and short."""

    assertion: Assertion
    holds: bool
    actual: str
    problem: str = ""

    def as_detail(self) -> dict[str, Any]:
        return {
            "text": as_line(self.assertion),
            "holds": self.holds,
            "actual": self.actual,
            "problem": self.problem,
            "severity": self.assertion.severity,
        }


def judge_all(
    assertions: Iterable[Assertion], subject: Subject, *, hide: Hide = nothing_hidden
) -> list[Verdict]:
    """Each in turn, within one deadline; those it leaves no time for do not hold, and say so. `hide` takes
    secrets out of what is shown, before it is cut: half a secret is not known again."""
    with hiding(hide), judging():
        return [_judged(each, subject) for each in assertions]


def judge(assertion: Assertion, subject: Subject) -> Verdict:
    """Never raises: what cannot be judged does not hold, and says why."""
    return judge_all([assertion], subject)[0]


def _judged(assertion: Assertion, subject: Subject) -> Verdict:
    try:
        left_s()
        found, actual = observed(assertion, subject)
        if assertion.source == "json_schema":
            problem = "" if not found else actual
            return Verdict(assertion=assertion, holds=not found, actual=shown(actual), problem=problem)
        holds = compare(assertion.comparison, found, actual, assertion.target)
        return Verdict(assertion=assertion, holds=holds, actual=shown(actual) if found else "nothing")
    except TooSlow:
        return Verdict(assertion=assertion, holds=False, actual="", problem="took too long to judge")
    except (ValueError, TypeError, RecursionError, JSONPathError) as error:
        problem = str(error) if isinstance(error, BadAssertion) else "cannot be compared"
        return Verdict(assertion=assertion, holds=False, actual="", problem=problem)


def observed(assertion: Assertion, subject: Subject) -> tuple[bool, Any]:
    """Whether the source is there, and its value. For a schema: whether it is broken, and how."""
    match assertion.source:
        case "status":
            return True, subject.status
        case "response_ms":
            return True, subject.response_ms
        case "header":
            wanted = assertion.property.lower()
            values = [value for name, value in subject.headers if name.lower() == wanted]
            return bool(values), ", ".join(values)
        case "body":
            return bool(subject.body), subject.body
        case "body_bytes":
            return True, subject.body_bytes
        case "jsonpath":
            nodes = compiled_path(assertion.property).find(searchable_body(subject)).values()
            return bool(nodes), nodes[0] if len(nodes) == 1 else nodes
        case "json_schema":
            return broken(assertion.target, parsed_body(subject))
        case "tls_days":
            return subject.tls_days is not None, subject.tls_days
        case "tls_version":
            return bool(subject.tls_version), subject.tls_version
        case "redirects":
            return True, subject.redirects


def parsed_body(subject: Subject) -> Any:
    try:
        return json.loads(subject.body)
    except ValueError:
        raise BadAssertion("the body is not JSON") from None


def searchable_body(subject: Subject) -> Any:
    """The body for a path. Raises BadAssertion for one that is too long or too deep to be walked."""
    if len(subject.body) > PATH_BODY_CHARACTERS:
        raise BadAssertion(f"the body is longer than the {PATH_BODY_CHARACTERS // 1024} KiB a path reads")
    document = parsed_body(subject)
    level, depth = [document], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        if depth > PATH_NESTING:
            raise BadAssertion(f"the body is nested deeper than the {PATH_NESTING} levels a path reads")
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return document
