"""What a script said, read with suspicion: whatever runs in its process may have written it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from monitor.journeys.results import Check
from monitor.journeys.templates import NAME

MOST_CHECKS = 100
MOST_LINES = 50
MOST_VALUE_CHARACTERS = 64 * 1024


class CannotScript(Exception):
    """Scripts cannot be run here at all: never the target's fault."""


class _Test(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    passed: bool
    message: str = ""


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """The line a child writes. `jump` is there when a script chose what follows; null ends the run."""

    tests: list[_Test] = []
    put: dict[str, Any] = {}
    dropped: list[str] = []
    headers: list[tuple[str, str]] = []
    jump: str | msgspec.UnsetType | None = msgspec.UNSET
    console: list[str] = []
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class ScriptAnswer:
    checks: tuple[Check, ...] = ()
    put: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    jump: Any = msgspec.UNSET
    console: tuple[str, ...] = ()

    def veiled(self, over: Callable[[str], str]) -> "ScriptAnswer":
        """The same, fit to be shown."""
        checks = tuple(
            replace(each, text=over(each.text), problem=over(each.problem)) for each in self.checks
        )
        return replace(self, checks=checks)


def read_answer(line: bytes) -> ScriptAnswer:
    """Raises CannotScript for what no child of ours writes."""
    try:
        said = msgspec.json.decode(line, type=Said)
    except msgspec.MsgspecError:
        raise CannotScript("The script's process answered nothing that can be read.") from None
    checks = [
        Check(text=test.name[:256], holds=test.passed, problem=test.message[:1024])
        for test in said.tests[:MOST_CHECKS]
    ]
    if said.error:
        checks.append(Check(text="script", holds=False, problem=said.error[:1024]))
    return ScriptAnswer(
        checks=tuple(checks),
        put={
            name: value
            for name, value in said.put.items()
            if NAME.fullmatch(name) and len(msgspec.json.encode(value)) <= MOST_VALUE_CHARACTERS
        },
        dropped=tuple(said.dropped),
        headers=tuple(said.headers[:50]),
        jump=said.jump,
        console=tuple(line[:1024] for line in said.console[:MOST_LINES]),
    )
