"""How a run went: plain values, masked and capped, fit to be kept and shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from monitor.journeys.veil import Veil
from monitor.lib.outbound.lines import Phases
from monitor.lib.outbound.messages import Headers

KEPT_CHARACTERS = 4096
# Of all bodies of a run together: a beat of fifty failing steps stays small.
KEPT_TOGETHER = 64 * 1024
KEPT_HEADERS = 40
SHOWN_VALUE = 200


class StepOutcome(StrEnum):
    """BROKEN is an error of ours or of the document, which says nothing about the target."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Message:
    """A request or an answer as it may be kept."""

    headers: Mapping[str, str]
    body: str
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at: an assertion, or a test of a script."""

    text: str
    holds: bool
    severity: str = "fail"
    actual: str = ""
    problem: str = ""

    def as_detail(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "holds": self.holds,
            "severity": self.severity,
            "actual": self.actual,
            "problem": self.problem,
        }


@dataclass(frozen=True, kw_only=True)
class StepRun:
    name: str
    outcome: StepOutcome
    message: str
    method: str = ""
    url: str = ""
    status: int | None = None
    response_ms: float | None = None
    response_bytes: int | None = None
    phases: Phases | None = None
    redirects: tuple[Mapping[str, Any], ...] = ()
    checks: tuple[Check, ...] = ()
    # By name, masked where secret.
    extracted: Mapping[str, str] = field(default_factory=dict)
    console: tuple[str, ...] = ()
    request: Message | None = None
    answer: Message | None = None
    certificate_until: datetime | None = None
    attempts: int = 1
    # Whether the guard of addresses did not let it out.
    is_blocked: bool = False

    @property
    def has_failed(self) -> bool:
        return self.outcome in (StepOutcome.FAILED, StepOutcome.BROKEN)

    def as_detail(self) -> dict[str, Any]:
        detail: dict[str, Any] = {
            "name": self.name,
            "outcome": str(self.outcome),
            "message": self.message,
        }
        if self.outcome == StepOutcome.SKIPPED:
            return detail
        detail |= {"method": self.method, "url": self.url}
        if self.status is not None:
            detail |= {"status": self.status, "ms": self.response_ms, "bytes": self.response_bytes}
        if self.phases is not None:
            detail["phases"] = self.phases.listed()
        if self.attempts > 1:
            detail["attempts"] = self.attempts
        lists: dict[str, Any] = {
            "redirects": [dict(hop) for hop in self.redirects],
            "checks": [each.as_detail() for each in self.checks],
            "extracted": dict(self.extracted),
            "console": list(self.console),
        }
        detail |= {name: value for name, value in lists.items() if value}
        for name, message in (("request", self.request), ("answer", self.answer)):
            if message is not None:
                detail[name] = {
                    "headers": dict(message.headers),
                    "body": message.body,
                    "truncated": message.truncated,
                }
        return detail


@dataclass(frozen=True, kw_only=True)
class JourneyRun:
    steps: tuple[StepRun, ...]
    # Of all requests together, without delays.
    response_ms: float
    # The row of data it ran with, from 1; 0 without rows.
    row: int = 0
    is_out_of_time: bool = False

    @property
    def failed(self) -> list[StepRun]:
        return [step for step in self.steps if step.has_failed]

    @property
    def warned(self) -> list[StepRun]:
        return [step for step in self.steps if step.outcome == StepOutcome.WARNED]

    @property
    def message(self) -> str:
        """The first failure, else the first warning, else how long it took."""
        ran = [step for step in self.steps if step.outcome != StepOutcome.SKIPPED]
        which = f"Row {self.row}, step" if self.row else "Step"
        for step in [*self.failed, *self.warned]:
            return f"{which} {self.steps.index(step) + 1}, {step.name}: {step.message}"
        word = "step" if len(ran) == 1 else "steps"
        return f"{len(ran)} {word} in {self.response_ms:.0f} ms"


class Keeper:
    """Makes messages fit to be kept: masked first, then cut, since what is cut cannot be parsed."""

    def __init__(self, veil: Veil) -> None:
        self.veil = veil
        self._left = KEPT_TOGETHER

    def message(self, headers: Headers, body: str, *, truncated: bool = False) -> Message:
        joined: dict[str, str] = {}
        for name, value in headers[:KEPT_HEADERS]:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        kind = next((value for name, value in headers if name.lower() == "content-type"), None)
        masked = self.veil.body(body, kind) if body and self._left > 0 else ""
        room = min(KEPT_CHARACTERS, self._left)
        self._left -= min(len(masked), room)
        return Message(
            headers={name: value[:1024] for name, value in self.veil.headers(joined).items()},
            body=masked[:room],
            truncated=truncated or len(masked) > room or (bool(body) and not masked),
        )

    def value(self, value: str) -> str:
        # Cut first here as well as last: a page of text would be masked for the sake of a line.
        shown = self.veil.text(self.veil.beginning(value[: SHOWN_VALUE * 20]))
        return shown if len(shown) <= SHOWN_VALUE else f"{shown[:SHOWN_VALUE]}…"
