"""Several requests that follow each other, each using what those before it found."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from monitor.journeys.document import BadDocument, Journey, Step, as_plain, reached, read_document
from monitor.journeys.results import JourneyRun, StepOutcome
from monitor.journeys.running import run_rows
from monitor.journeys.templates import DEEPEST, HOLE, as_text, names_in
from monitor.lib import masking
from monitor.probing.finding import Finding, Outcome, Way
from monitor.probing.registry import BadConfig, Kind
from monitor.probing.schedules import Schedule

# What a run ends before its check does: a check that is cancelled could tell no step.
MARGIN_S = 0.5
MOST_URL = 64 * 1024
HOST = re.compile(rf"(?:{HOLE.pattern}|[^/?#])*")


class JourneyKind(Kind):
    """Its options are a document, whose errors name the step."""

    def read(self, config: Mapping[str, Any]) -> Journey:
        try:
            journey = read_document(config)
        except BadDocument as error:
            raise BadConfig(error.message, field=error.field) from None
        if not journey.steps:
            raise BadConfig("A journey has a step at least.", field="steps")
        return journey

    def plain(self, options: Journey) -> dict[str, Any]:
        return as_plain(options)

    def schedule(self, config: Mapping[str, Any]) -> Schedule | None:
        if not config.get("cron"):
            return None
        return Schedule(expression=config["cron"], timezone=config["timezone"])

    def destinations(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Everywhere that secrets could go: the origin of each step with what is known of it, and whatever
        could change that while it runs (extractions that fill an origin, scripts)."""
        journey = read_document(config)
        found = {f"proxy {journey.proxy.url}"} if journey.proxy.url else set()
        # Whom the line trusts to be there, besides the public authorities.
        found |= {f"authorities {digest(journey.authorities)}"} if journey.authorities else set()
        found |= set() if journey.verify_tls else {"verify_tls"}
        found |= {
            f"script {digest(text)}" for step in journey.steps for text in (step.before, step.after) if text
        }
        if journey.has_scripts:
            # Whatever a script reads may decide where it leads.
            found.add(f"variables {digest(readable_by_scripts(journey))}")
        for step in journey.steps:
            for url in filter(None, (step.url, step.auth.token_url)):
                origin = origin_of(url, journey)
                found.add(origin)
                found |= {f"{origin} {filler}" for filler in fillers_of(origin, journey)}
                # Each for itself: what one host was told is not for the next.
                found |= {f"{origin} {name}" for name in secrets_in(step, journey)}
        return {each: each for each in found}


def readable_by_scripts(journey: Journey) -> str:
    extracted = [msgspec.to_builtins(each) for step in journey.steps for each in step.extract]
    return json.dumps([journey.variables, journey.rows, extracted], sort_keys=True)


def secrets_in(step: Step, journey: Journey) -> set[str]:
    """The secrets that a step sends, also those within variables and rows; and what only a script can set."""
    texts = [step.url, step.body, *(text for pair in step.headers for text in pair)]
    texts += [text for text in msgspec.structs.asdict(step.auth).values() if isinstance(text, str)]
    names = reached((name for text in texts for name in names_in(text)), journey)
    found = names & set(journey.secrets)
    return found | (names - known_names(journey) if journey.has_scripts else set())


def known_names(journey: Journey) -> set[str]:
    extracted = {each.name for step in journey.steps for each in step.extract}
    return extracted.union(journey.variables, journey.secrets, *journey.rows)


def origin_of(url: str, journey: Journey) -> str:
    """Scheme and host with the variables that the document knows. What a run finds stays a template, and so
    does all behind it that could still be part of the host. Raises BadConfig."""
    filled = url
    for _ in range(DEEPEST):
        before, filled = filled, once_filled(filled, journey)
        if filled == before:
            break
    scheme, _, rest = filled.partition("://")
    if not rest:
        # The scheme itself is a variable: all of it may be the host.
        return filled
    # A variable may have a slash in its name.
    match = HOST.match(rest)
    rest = match[0] if match else rest
    return f"{scheme}://{rest}".lower() if "{{" not in rest else f"{scheme}://{rest}"


def once_filled(text: str, journey: Journey) -> str:
    """Bounded: what variables multiply to is no address, and would not fit into memory."""
    left = MOST_URL

    def put_in(hole: re.Match[str]) -> str:
        nonlocal left
        found = written(hole[1], hole[0], journey)
        left -= len(found) + 1
        if left < 0:
            raise BadConfig("A URL grows too long when its variables are filled in.", field="steps")
        return found

    return HOLE.sub(put_in, text)


def written(name: str, hole: str, journey: Journey) -> str:
    is_found = any(each.name == name for step in journey.steps for each in step.extract)
    if is_found or any(name in row for row in journey.rows) or name not in journey.variables:
        return hole
    return as_text(journey.variables[name])


def fillers_of(origin: str, journey: Journey) -> set[str]:
    """What may fill the variables that are left in an origin."""
    names = reached(names_in(origin), journey)
    found = {
        json.dumps(msgspec.to_builtins(each), sort_keys=True)
        for step in journey.steps
        for each in step.extract
        if each.name in names
    }
    found |= {f"{name}={as_text(row[name])}" for row in journey.rows for name in names if name in row}
    found |= {f"{name}={as_text(journey.variables[name])}" for name in names & set(journey.variables)}
    return found | {f"{name}={digest(journey.secrets[name])}" for name in names & set(journey.secrets)}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def probe(journey: Journey, way: Way) -> Finding:
    """Each row's run, one after the other."""
    ends_before = Way(
        policy=way.policy,
        timeout_s=max(way.timeout_s - MARGIN_S, way.timeout_s * 0.9),
        name=way.name,
        resolve=way.resolve,
    )
    # Before it is saved somebody looks, and wants to see all that came.
    runs = await run_rows(journey, ends_before, keep_all=not way.name)
    return finding_of(runs)


def finding_of(runs: list[JourneyRun]) -> Finding:
    failed = next((run for run in runs if run.failed), None)
    warned = next((run for run in runs if run.warned), None)
    told = failed or warned or runs[0]
    broken = next((step for step in told.failed if step.outcome == StepOutcome.BROKEN), None)
    is_ours = broken is not None and all(step.outcome == StepOutcome.BROKEN for step in told.failed)
    outcome = (
        Outcome.UNKNOWN if is_ours else Outcome.FAILED if failed else Outcome.SLOW if warned else Outcome.OK
    )
    return Finding(
        outcome=outcome,
        message=told.message,
        response_ms=round(sum(run.response_ms for run in runs), 3),
        certificate_until=soonest(runs),
        detail={
            "steps": [step.as_detail() for run in runs for step in run.steps],
            **({"rows": [len(run.steps) for run in runs]} if len(runs) > 1 else {}),
        },
        is_blocked=any(step.is_blocked for run in runs for step in run.steps),
    )


def soonest(runs: list[JourneyRun]) -> datetime | None:
    found = [step.certificate_until for run in runs for step in run.steps if step.certificate_until]
    return min(found, default=None)


def target(journey: Journey) -> str:
    first = journey.steps[0]
    word = "step" if len(journey.steps) == 1 else "steps"
    return f"{len(journey.steps)} {word}, from {first.method} {masking.mask_url(first.url)}"


KIND = JourneyKind(
    name="journey",
    words="Journey",
    icon="health",
    order=2,
    editor="journey",
    options=Journey,
    probe=probe,
    target=target,
    secrets=frozenset({"secrets.*", "proxy.password"}),
)
