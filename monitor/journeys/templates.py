"""`{{name}}` in texts, and the variables it stands for. Pure."""

import json
import random
import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from monitor.journeys.veil import Veil
from monitor.lib.kept_text import RULES

HOLE = re.compile(r"\{\{\s*([^{}\n]{1,200}?)\s*\}\}")
NAME = re.compile(r"""[^\s{}="'$,][^\s{}="',]{0,127}""")
# What a text may grow to when it is filled: a variable may hold variables, and each may be long.
MOST_CHARACTERS = 512 * 1024
# Variables of a document may name each other this deep.
DEEPEST = 8
# Variables put in for one text, within each other counted too: of empty ones no text grows, and still each
# level would multiply the work of the one above it.
MOST_FILLED = 20_000

DYNAMIC: Mapping[str, Callable[[], str]] = {
    "$guid": lambda: str(uuid.uuid4()),
    "$randomUUID": lambda: str(uuid.uuid4()),
    "$timestamp": lambda: str(int(time.time())),
    "$isoTimestamp": lambda: datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    # Makes requests differ; nothing is kept secret by it.
    "$randomInt": lambda: str(random.randint(0, 1000)),  # noqa: S311
}


class BadTemplate(ValueError):
    """A text that cannot be filled; the message says why. `name` is the variable that is missing."""

    def __init__(self, message: str, *, name: str = "") -> None:
        super().__init__(message)
        self.name = name


def names_in(text: str) -> set[str]:
    return {match[1] for match in HOLE.finditer(text)}


def without_holes(text: str) -> str:
    return HOLE.sub("", text)


def as_text(value: Any) -> str:
    """A value within a text: JSON for what is no text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Scope:
    """The variables of one run. What the document says may hold variables again; what a run found is never
    read as a template, or an answer could ask for secrets to be sent."""

    def __init__(self, *layers: Mapping[str, Any], secrets: Mapping[str, str], veil: Veil) -> None:
        """Later layers go before earlier ones."""
        self.veil = veil
        self._written: dict[str, Any] = {}
        for layer in (*layers, {name: value for name, value in secrets.items() if value}):
            self._written.update(layer)
        self._found: dict[str, Any] = {}
        self._filled_in = 0
        self._secret = set(secrets)
        for name, value in self._written.items():
            if name in self._secret or RULES.is_sensitive_key(name):
                veil.add(value)

    def has(self, name: str) -> bool:
        return name in self._found or name in self._written

    def get(self, name: str) -> Any:
        """The value, filled. Raises BadTemplate."""
        self._filled_in = 0
        return self._value(name, 0)

    def put(self, name: str, value: Any, *, is_secret: bool = False) -> None:
        self.hide(name, value, is_secret=is_secret)
        self._found[name] = value

    def hide(self, name: str, value: Any, *, is_secret: bool = False) -> None:
        """Keep the value out of all that is shown, where it is said or named to be secret."""
        if is_secret or name in self._secret or RULES.is_sensitive_key(name):
            self._secret.add(name)
            self.veil.add(value)

    def drop(self, name: str) -> None:
        self._found.pop(name, None)
        self._written.pop(name, None)

    def is_secret(self, name: str) -> bool:
        return name in self._secret

    def plain(self) -> dict[str, Any]:
        """All variables as they stand, for scripts."""
        return {**self._written, **self._found}

    def found_names(self) -> list[str]:
        """The variables that a run found, which are no templates."""
        return list(self._found)

    def fill(self, text: str, *, encode: Callable[[str], str] | None = None) -> str:
        """The text with every variable in its place, encoded if asked. Raises BadTemplate."""
        return self._filled(text, 0, encode)

    def fill_written(self, text: str, *, by: str) -> str:
        """The text with those variables in their places that stand so in the script that wrote it; what else
        looks like one came out of an answer. Raises BadTemplate."""
        return HOLE.sub(lambda hole: self.fill(hole[0]) if hole[0] in by else hole[0], text)

    def fill_value(self, value: Any) -> Any:
        """The same within lists and mappings; a text that is one variable alone becomes its value."""
        if isinstance(value, list):
            return [self.fill_value(each) for each in value]
        if isinstance(value, Mapping):
            return {name: self.fill_value(each) for name, each in value.items()}
        if not isinstance(value, str):
            return value
        whole = HOLE.fullmatch(value.strip())
        return self.get(whole[1]) if whole else self.fill(value)

    def _filled(self, text: str, depth: int, encode: Callable[[str], str] | None = None) -> str:
        if "{{" not in text:
            return text
        left = MOST_CHARACTERS
        if depth == 0:
            self._filled_in = 0

        def put_in(match: re.Match[str]) -> str:
            nonlocal left
            self._filled_in += 1
            if self._filled_in > MOST_FILLED:
                raise BadTemplate("The text has too many variables when those within them are filled in.")
            found = as_text(self._value(match[1], depth))
            found = encode(found) if encode else found
            left -= len(found)
            if left < 0:
                raise BadTemplate("The text grows too long when its variables are filled in.")
            return found

        return HOLE.sub(put_in, text)

    def _value(self, name: str, depth: int) -> Any:
        if make := DYNAMIC.get(name):
            return make()
        if name in self._found:
            return self._found[name]
        if name not in self._written:
            has_no_value = "has no value" if name in self._secret else "is not known"
            raise BadTemplate(f"The variable {name} {has_no_value}.", name=name)
        value = self._written[name]
        if not isinstance(value, str) or "{{" not in value:
            return value
        if depth >= DEEPEST:
            raise BadTemplate(f"The variable {name} stands for itself.", name=name)
        return self._filled(value, depth + 1)
