"""A run as JUnit XML, which continuous integration shows: a suite a row, a case a step."""

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from monitor.journeys.results import JourneyRun, StepOutcome, StepRun

# What XML 1.0 cannot hold.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(name: str, runs: Sequence[JourneyRun]) -> str:
    root = Element("testsuites", name=clean(name))
    for run in runs:
        suite = SubElement(root, "testsuite", name=clean(f"{name}, row {run.row}" if run.row else name))
        for step in run.steps:
            add_case(suite, step, name)
        counts = {
            "tests": len(run.steps),
            "failures": sum(step.outcome == StepOutcome.FAILED for step in run.steps),
            "errors": sum(step.outcome == StepOutcome.BROKEN for step in run.steps),
            "skipped": sum(step.outcome == StepOutcome.SKIPPED for step in run.steps),
        }
        for attribute, count in counts.items():
            suite.set(attribute, str(count))
        suite.set("time", f"{run.response_ms / 1000:.3f}")
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def add_case(suite: Element, step: StepRun, journey: str) -> None:
    case = SubElement(
        suite,
        "testcase",
        name=clean(step.name),
        classname=clean(journey),
        time=f"{(step.response_ms or 0) / 1000:.3f}",
    )
    match step.outcome:
        case StepOutcome.SKIPPED:
            SubElement(case, "skipped", message=clean(step.message))
        case StepOutcome.FAILED | StepOutcome.BROKEN:
            tag = "failure" if step.outcome == StepOutcome.FAILED else "error"
            failure = SubElement(case, tag, message=clean(step.message))
            failure.text = clean("\n".join(said(step)))
    if step.outcome == StepOutcome.WARNED or step.console:
        lines = [step.message] if step.outcome == StepOutcome.WARNED else []
        SubElement(case, "system-out").text = clean("\n".join([*lines, *step.console]))


def said(step: StepRun) -> list[str]:
    lines = [f"{step.method} {step.url}" + (f" answered {step.status}" if step.status else "")]
    for check in step.checks:
        if not check.holds:
            lines.append(f"{check.severity}: {check.text}: {check.problem or f'is {check.actual}'}")
    return lines


def clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
