"""Lays out JSON for reading without reading it into values.

Parsing and dumping again would lose what a person debugs: 1.0 against 1.00, digits beyond a float, a key
that stands twice. And a body that was cut at the size limit is no JSON any more, but reads well up to there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["key", "string", "number", "atom", "mark"]

# Deeper levels stand below each other: ten thousand brackets would otherwise make a triangle of spaces.
_MOST_INDENT = 40
_INDENT = "  "

_LEXEME = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:[^"\\]|\\.)*+(?:"|\\?\Z))
    |(?P<number>-?[0-9][0-9.eE+-]*+)
    |(?P<atom>true|false|null|t(?:r(?:u)?)?\Z|f(?:a(?:l(?:s)?)?)?\Z|n(?:u(?:l)?)?\Z|-\Z)
    |(?P<mark>[\[\]{}:,])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the layout; the joined texts are what to show. Marks include space and line ends."""

    kind: Kind
    text: str


def tokens_of(text: str) -> list[Token] | None:
    """An object or array laid out one member a line, or None when `text` is something else.

    Whole or cut, but not checked: what stands in a wrong place is shown where it stands.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    lexemes = _lexemes(text)
    return None if lexemes is None else list(_laid_out(lexemes))


def _lexemes(text: str) -> list[tuple[str, str]] | None:
    """The words of `text` without the space between them; None at the first sign that is not JSON."""
    found = []
    at = 0
    while at < len(text):
        match = _LEXEME.match(text, at)
        if match is None:
            return None
        if match.lastgroup != "space":
            found.append((match.lastgroup or "", match.group()))
        at = match.end()
    return found


def _laid_out(lexemes: list[tuple[str, str]]) -> Iterator[Token]:
    depth = 0
    for index, (kind, word) in enumerate(lexemes):
        following = lexemes[index + 1][1] if index + 1 < len(lexemes) else ""
        before = lexemes[index - 1][1] if index else ""
        if kind == "string":
            yield Token("key" if following == ":" else "string", word)
        elif kind == "number":
            yield Token("number", word)
        elif kind == "atom":
            yield Token("atom", word)
        elif word in "{[":
            depth += 1
            yield Token("mark", word if following in ("}", "]") else word + _new_line(depth))
        elif word in "}]":
            depth = max(0, depth - 1)
            yield Token("mark", word if before in ("{", "[") else _new_line(depth) + word)
        elif word == ",":
            yield Token("mark", word + _new_line(depth))
        else:
            yield Token("mark", word + " ")


def _new_line(depth: int) -> str:
    return "\n" + _INDENT * min(depth, _MOST_INDENT)
