"""`manage.py journey run FILE`: goes through a journey from a shell or from continuous integration, without a
database. `manage.py journey import FILE` writes the YAML of a Postman collection, with a report."""

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from monitor.journeys.document import BadDocument, Journey
from monitor.journeys.files import journey_in, rows_in, variables_in
from monitor.journeys.junit import as_junit
from monitor.journeys.results import JourneyRun, StepOutcome, StepRun
from monitor.journeys.running import run_journey
from monitor.journeys.written import as_yaml, without_values
from monitor.lib.outbound import OutboundPolicy, parse_allow_list
from monitor.probing.finding import Way

FAILED, BROKEN = 1, 2
WORDS = {
    StepOutcome.PASSED: "ok",
    StepOutcome.WARNED: "warn",
    StepOutcome.FAILED: "FAIL",
    StepOutcome.BROKEN: "ERROR",
    StepOutcome.SKIPPED: "left out",
}


class Command(BaseCommand):
    help = "Goes through a journey once: 0 when all steps passed, 1 when one failed, 2 when it cannot be run."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        run = verbs.add_parser("run", help="go through a journey or a Postman collection")
        run.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON, or a Postman collection")
        run.add_argument(
            "--env",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="variables: NAME=value lines, YAML, JSON or a Postman environment; may be repeated",
        )
        run.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="one more variable")
        run.add_argument("--data", type=Path, metavar="FILE", help="rows (CSV or JSON): a run for each")
        run.add_argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML")
        run.add_argument("--timeout", type=float, default=60, metavar="S", help="of each run (default: 60)")
        run.add_argument(
            "--allow",
            action="append",
            default=[],
            metavar="NETWORK",
            help="an address or network that is not public but may be called, as 127.0.0.0/8",
        )
        bring = verbs.add_parser("import", help="write a Postman collection as a journey's YAML")
        bring.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *, verb: str, file: Path, **options: Any) -> None:
        try:
            journey, notes = journey_in(file)
            for note in notes:
                self.stderr.write(str(note))
            if verb == "import":
                self.stdout.write(as_yaml(without_values(journey)))
                return
            self.run(journey, journey.name or file.stem, **options)
        except BadDocument as error:
            raise CommandError(error.message, returncode=BROKEN) from None

    def run(
        self,
        journey: Journey,
        name: str,
        *,
        env: list[Path],
        var: list[str],
        data: Path | None,
        junit: Path | None,
        timeout: float,
        allow: list[str],
        **_: Any,
    ) -> None:
        variables: dict[str, Any] = {}
        for path in env:
            variables |= variables_in(path)
        for pair in var:
            key, equals, value = pair.partition("=")
            if not equals:
                raise BadDocument(f"--var takes NAME=VALUE, and not {key!r}.")
            variables[key] = value
        rows = rows_in(data) if data else journey.rows
        way = Way(policy=policy_with(allow), timeout_s=timeout, name="shell")
        runs = asyncio.run(run_all(msgspec.structs.replace(journey, rows=[]), way, variables, rows))
        for run in runs:
            self.show(name, run)
        if junit:
            junit.write_text(as_junit(name, runs), encoding="utf-8")
        if any(step.outcome == StepOutcome.BROKEN for run in runs for step in run.steps):
            raise SystemExit(BROKEN)
        if any(run.failed for run in runs):
            raise SystemExit(FAILED)

    def show(self, name: str, run: JourneyRun) -> None:
        self.stdout.write(f"{name}, row {run.row}" if run.row else name)
        for step in run.steps:
            self.show_step(step)
        self.stdout.write(f"{run.message}\n")

    def show_step(self, step: StepRun) -> None:
        took = f"{step.status} in {step.response_ms:.0f} ms" if step.status else ""
        self.stdout.write(
            f"  {WORDS[step.outcome]:<8} {step.name}  {step.method} {step.url}  {took}".rstrip()
        )
        for check in step.checks:
            why = "" if check.holds else f": {check.problem or f'is {check.actual}'}"
            word = "ok" if check.holds else "warn" if check.severity == "warn" else "FAIL"
            self.stdout.write(f"           {word:<5} {check.text}{why}")
        for line in step.console:
            self.stdout.write(f"           | {line}")
        if step.outcome != StepOutcome.PASSED:
            self.stdout.write(f"           {step.message}")


def policy_with(allow: list[str]) -> OutboundPolicy:
    try:
        more = parse_allow_list(" ".join(allow))
    except ValueError as error:
        raise BadDocument(f"--allow: {error}") from None
    return OutboundPolicy(allow=(*settings.OUTBOUND_ALLOW, *more), allow_loopback=settings.QUICK_START)


async def run_all(
    journey: Journey, way: Way, variables: dict[str, Any], rows: list[dict[str, Any]]
) -> list[JourneyRun]:
    if not rows:
        return [await run_journey(journey, way, variables=variables)]
    return [
        await run_journey(journey, way, variables=variables, row=row, number=number)
        for number, row in enumerate(rows, 1)
    ]
