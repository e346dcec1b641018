"""Paths like `/orders/export` or `/files/{name}/*`, as people write them. Pure.

A `{name}` stands for one segment and a `*` at the end for whatever follows. The expression a pattern
becomes means the same to Python and to PostgreSQL, so that what is asked of history is what holds later.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypedDict

MAX_PATTERN_CHARS = 256
_SEGMENT = re.compile(r"\{[^{}/]{1,64}\}")
_PLAIN = re.compile(r"[A-Za-z0-9_]")


class BadPattern(Exception):
    """What was written is no pattern of a path."""


class PathRule(TypedDict):
    """Requests of this method to such a path are the endpoint of this route, whatever senders call it."""

    method: str
    pattern: str
    route: str


def expression_of(pattern: str) -> str:
    """The regular expression of a pattern; query, fragment and a slash at the end mean nothing.

    Raises BadPattern.
    """
    if not pattern.startswith("/") or len(pattern) > MAX_PATTERN_CHARS or not pattern.isprintable():
        raise BadPattern("A path begins with / and has 256 characters at most.")
    takes_rest = pattern.endswith("/*")
    segments = [each for each in pattern.removesuffix("/*").split("/") if each]
    if any("*" in each for each in segments):
        raise BadPattern("A * stands at the end alone, after a slash; {name} stands for one segment.")
    parts = ["[^/?#]+" if _SEGMENT.fullmatch(each) else _literal(each) for each in segments]
    path = "".join(f"/{part}" for part in parts)
    return f"^{path}{'/.+' if takes_rest else '/?([?#].*)?'}\\Z"


def _literal(text: str) -> str:
    """A backslash before whatever is no letter or digit makes it itself, in both dialects."""
    return "".join(each if _PLAIN.fullmatch(each) or ord(each) > 127 else f"\\{each}" for each in text)


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(expression_of(pattern), re.DOTALL)


def closest_first(rules: Sequence[PathRule]) -> list[PathRule]:
    """In the order in which they are asked: segment by segment, a literal one before `{name}` before `*`.

    Of two that are alike in this, the one that stood first does.
    """
    return sorted(rules, key=lambda rule: [_width(each) for each in rule["pattern"].split("/") if each])


def _width(segment: str) -> int:
    if segment == "*":
        return 2
    return 1 if _SEGMENT.fullmatch(segment) else 0


def route_by_rule(rules: Sequence[PathRule], method: str, path: str) -> str | None:
    """The route that the first rule gives, None where none does."""
    for rule in rules:
        if rule["method"] == method and compiled(rule["pattern"]).match(path):
            return rule["route"]
    return None
