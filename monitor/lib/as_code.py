"""Settings that are kept beside code: what their YAML files share, and how a plan of changes is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from monitor.lib.kept_text import has_nul
from monitor.lib.yaml_text import FastLoader, NotYaml, read_yaml

VERSION = 1
DONE = {"create": "created", "update": "updated", "remove": "removed"}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is at fault with one thing of a file: which by its name, its place in the list, the field if it is
    one's, and why."""

    place: int
    name: str
    field: str = ""
    message: str

    def __str__(self) -> str:
        return ": ".join(each for each in (self.name, self.field, self.message) if each)


class BadDocument(ValueError):
    """A file that cannot be applied. The text says what is at fault, a line each; `problems` say it in parts
    where it is of things that the file lists."""

    def __init__(self, text: str = "", *, problems: Sequence[Problem] = ()) -> None:
        super().__init__(text or "\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Change:
    """What applying would do to a thing: `create`, `update` or `remove`, and each field before and after."""

    action: str
    name: str
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def whole_name(self) -> str:
        return self.name


def written(key: str, said: list[dict[str, Any]]) -> str:
    """The file that says these."""
    return yaml.safe_dump({"version": VERSION, key: said}, sort_keys=False, allow_unicode=True)


def listed(text: str, key: str) -> list[dict[str, Any]]:
    """What the file lists under its key. Raises BadDocument."""
    try:
        document = read_yaml(text, loader=FastLoader, takes_aliases=True)
    except NotYaml as error:
        raise BadDocument(f"This is not YAML that can be read. {error}") from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise BadDocument(f"The file begins with 'version: {VERSION}'.")
    found = document.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadDocument(f"'{key}' is a list of {key}.")
    if has_nul(found):
        raise BadDocument("The file holds a NUL character, which cannot be kept.")
    return found


def line_of(change: Change, *, is_done: bool) -> str:
    """`update orders / Slow: threshold 500 -> 800`."""
    word = DONE[change.action] if is_done else change.action
    fields = ", ".join(f"{name} {before!r} -> {after!r}" for name, (before, after) in change.fields.items())
    return f"{word} {change.whole_name}{f': {fields}' if fields else ''}"
