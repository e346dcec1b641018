"""A kept run as a page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.monitors.words import PHASES

PILLS = {"passed": "pill-good", "warned": "pill-warn", "failed": "pill-bad", "broken": "pill-warn"}
WORDS = {
    "passed": "Passed",
    "warned": "Warned",
    "failed": "Failed",
    "broken": "Not judged",
    "skipped": "Left out",
}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One phase within a step's bar, in per cent of the whole run."""

    name: str
    start: float
    width: float
    ms: float


@dataclass(frozen=True, kw_only=True)
class StepRow:
    number: int
    step: Mapping[str, Any]
    words: str
    pill: str
    pieces: Sequence[Piece]
    phases: Sequence[tuple[str, float]]

    @property
    def messages(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What was kept of the request and of the answer."""
        both = (("The request", self.step.get("request")), ("The answer", self.step.get("answer")))
        return [(words, message) for words, message in both if message]


def rows_of(detail: Mapping[str, Any]) -> list[StepRow]:
    """The steps of a run with their bars, one after the other; empty for what is no journey's run."""
    steps = detail.get("steps")
    if not isinstance(steps, list):
        return []
    total = sum(sum(each or 0 for each in step.get("phases") or []) for step in steps) or 1.0
    rows: list[StepRow] = []
    start = 0.0
    for number, step in enumerate(steps, 1):
        phases = [(name, ms) for name, ms in zip(PHASES, step.get("phases") or [], strict=False) if ms]
        pieces = []
        for name, ms in phases:
            width = ms / total * 100
            pieces.append(Piece(name=name, start=round(start, 3), width=round(width, 3), ms=ms))
            start += width
        outcome = str(step.get("outcome"))
        rows.append(
            StepRow(
                number=number,
                step=step,
                words=WORDS.get(outcome, outcome),
                pill=PILLS.get(outcome, ""),
                pieces=pieces,
                phases=phases,
            )
        )
    return rows
