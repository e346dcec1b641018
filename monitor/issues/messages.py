"""Messages without what differs from request to request, so that equal failures read the same.

Placeholders look like those of routes: `Order {id} is not payable`. Pure; takes linear time.
"""

import re
from collections.abc import Callable

from monitor.lib.routes import infer_route
from monitor.models.issues import MAX_FIELD_CHARS, MAX_MESSAGE_CHARS

# What lies beyond tells nothing apart that would be shown.
_READ_CHARS = 1_000
_TRACEBACK = "Traceback (most recent call last)"
_MAX_WORD_DIGITS = 2  # oauth2 and html5 are words; ord123 is not

_DATE = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)?"
_IPV4 = r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"
_IPV6 = r"(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4}\b"
# In this order: a UUID within quotes is a value, and the digits of an address are no numbers.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>]+", re.IGNORECASE), "{url}"),
    (re.compile(r"[^\s@\"'<>()]{1,64}@[^\s@\"'<>()]{1,255}\.[a-z]{2,24}\b", re.IGNORECASE), "{email}"),
    (re.compile(r"\"[^\"]*\"|`[^`]*`|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)"), "{value}"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "{id}"),
    (re.compile(rf"\b{_DATE}(?:[T ]{_CLOCK}{_ZONE})?\b|\b{_CLOCK}\b"), "{time}"),
    (re.compile(rf"{_IPV4}|{_IPV6}"), "{address}"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "{address}"),
)
_TOKEN = re.compile(r"[^\W_]+")
_HEX = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)
_NUMBER = re.compile(r"(?:(?<![\w.])[+-])?(?<![^\W_])\d+(?:[.,]\d+)*")
_INDEX = re.compile(r"\[\d+\]")


def normalize(text: str) -> str:
    """The message with numbers, ids, quoted values, times and addresses taken out; at most 300 characters."""
    text = text[:_READ_CHARS]
    for pattern, placeholder in _RULES:
        text = pattern.sub(placeholder, text)
    text = _NUMBER.sub("{n}", _TOKEN.sub(_id_or_word, text))
    return " ".join(text.split())[:MAX_MESSAGE_CHARS].rstrip()


def _id_or_word(token: re.Match[str]) -> str:
    """Letters and digits in one: an id when there are more than two digits."""
    word = token[0]
    digits = sum(character.isdecimal() for character in word)
    if not digits or word[:digits].isdecimal():
        return word  # a word, or a number with its unit
    return "{id}" if digits > _MAX_WORD_DIGITS or _HEX.fullmatch(word) else word


def headline(error: str) -> str:
    """The line of an error that says what happened: of a Python traceback the last one, else the first."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    if not lines:
        return error.strip()
    return lines[-1] if lines[0].startswith(_TRACEBACK) else lines[0]


def field_path(parts: list[str | int]) -> str:
    """A field by the names that lead to it, `items[].price`: which item it was differs from request to
    request."""
    path = ""
    for part in parts:
        name = str(part)
        if name.isdecimal():
            path += "[]"
            continue
        name = _INDEX.sub("[]", _tidy(name, infer_route))
        path += f".{name}" if path and name else name
    return path[:MAX_FIELD_CHARS]


def _tidy(name: str, infer: Callable[[str], str]) -> str:
    """A name without an id in it, as some bodies are keyed by ids."""
    return name if "[" in name else infer(f"/{name.replace('/', ' ')}").removeprefix("/").strip()
