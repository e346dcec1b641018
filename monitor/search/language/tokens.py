"""Cuts the text of a search at its blanks, and takes quotes apart."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from monitor.search.language.terms import BadQuery

# Not more than a name: what begins otherwise, as /orders:cancel does, is a word.
NAME = re.compile(r"([A-Za-z_]+):")
BLANKS = re.compile(r"\s*")
WORD = re.compile(r"\S*")
# A quote, anything but a bare quote within, a quote. A backslash takes the next character along.
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """`[-][name:]text`, where `text` is without its quotes. `value_start` is where the value begins."""

    negated: bool
    name: str | None
    text: str
    is_quoted: bool
    start: int
    value_start: int
    end: int


def cut(text: str) -> Iterator[Token]:
    """The tokens in order. Raises BadQuery for a quote without an end."""
    place = skip_blanks(text, 0)
    while place < len(text):
        token = read_token(text, place)
        yield token
        place = skip_blanks(text, token.end)


def skip_blanks(text: str, place: int) -> int:
    blanks = BLANKS.match(text, place)
    return blanks.end() if blanks else place


def read_token(text: str, start: int) -> Token:
    place = start
    negated = text[place] == "-"
    if negated:
        place += 1
    name = NAME.match(text, place)
    if name:
        place = name.end()
    value, end = read_value(text, place)
    return Token(
        negated=negated,
        name=name[1] if name else None,
        text=value,
        is_quoted=text[place : place + 1] == '"',
        start=start,
        value_start=place,
        end=end,
    )


def read_value(text: str, start: int) -> tuple[str, int]:
    """The value that begins here, and where it ends."""
    if text[start : start + 1] != '"':
        word = WORD.match(text, start)
        end = word.end() if word else start
        return text[start:end], end
    quoted = QUOTED.match(text, start)
    if quoted is None:
        raise BadQuery('This quote is never closed: end the text with ".', start=start, end=len(text))
    end = quoted.end()
    if end < len(text) and not text[end].isspace():
        raise BadQuery("Leave a blank after the closing quote.", start=start, end=word_end(text, end))
    return ESCAPED.sub(r"\1", quoted[1]), end


def word_end(text: str, start: int) -> int:
    word = WORD.match(text, start)
    return word.end() if word else start


def quote(text: str) -> str:
    """The text as `cut` reads it back, in quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
