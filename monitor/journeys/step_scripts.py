"""The scripts of a step: what they are given, and what they change of the run."""

import msgspec

from monitor.journeys.document import Step
from monitor.journeys.exchange import Exchanged, Prepared
from monitor.journeys.scripting import ScriptAnswer, run_script
from monitor.journeys.templates import names_in
from monitor.journeys.under_way import Run

MOST_CONSOLE = 20


async def carry_out(
    run: Run, step: Step, script: str, *, sent: Prepared | None, exchanged: Exchanged | None
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


def _half_filled(run: Run, text: str) -> str:
    """As far as it can be: a script before the request may be what sets the rest."""
    return text if any(not run.scope.has(name) for name in names_in(text)) else run.scope.fill(text)


def console_of(run: Run, *answers: ScriptAnswer) -> tuple[str, ...]:
    lines = [line for answer in answers for line in answer.console]
    return tuple(run.keeper.value(line) for line in lines[:MOST_CONSOLE])
