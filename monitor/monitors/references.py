"""Secrets of a file that is kept beside code: each is the name of a variable, as `${SHOP_TOKEN}`.

A file so holds what may be shown, with a name where each mask was. `$${` stands for `${` itself.
"""

import re
from collections.abc import Mapping
from typing import Any

from monitor.lib.masking import MASK

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NO_LETTER = re.compile(r"[^A-Za-z0-9]+")


class Names:
    """Names of variables, each given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def new(self, *words: str) -> str:
        base = _NO_LETTER.sub("_", "_".join(words)).strip("_").upper() or "SECRET"
        base = base if not base[0].isdigit() else f"MONITOR_{base}"
        name, number = base, 1
        while name in self._given:
            number += 1
            name = f"{base}_{number}"
        self._given.add(name)
        return name


def referring(value: Any, names: Names, *place: str) -> Any:
    """Masked options with a reference for each mask."""
    if isinstance(value, Mapping):
        # Assertions may speak of masks, and hold no secrets.
        return {
            name: inner if name == "assertions" else referring(inner, names, *place, name)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        if len(value) == 2 and all(isinstance(each, str) for each in value):
            return [value[0], referring(value[1], names, *place, value[0])]
        return [referring(each, names, *place) for each in value]
    if not isinstance(value, str):
        return value
    said = value.replace("${", "$${")
    while MASK in said:
        said = said.replace(MASK, f"${{{names.new(*place)}}}", 1)
    return said


def followed(value: Any, environment: Mapping[str, str], missing: set[str]) -> Any:
    """The options with what the references stand for: the mask, and a word in `missing`, for what is not
    there."""
    if isinstance(value, Mapping):
        return {
            name: inner if name == "assertions" else followed(inner, environment, missing)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [followed(each, environment, missing) for each in value]
    if not isinstance(value, str):
        return value

    def stands_for(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "${"
        if name in environment:
            return environment[name]
        missing.add(name)
        return MASK

    return _REFERENCE.sub(stands_for, value)
