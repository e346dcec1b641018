"""Patterns of people, compiled once and searched within the deadline."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import regex

from monitor.probing.bounds import BadAssertion, TooSlow, judging, left_s

PATTERN_LIMIT_S = 0.5


@lru_cache(maxsize=1024)
def compiled_pattern(pattern: str) -> Any:
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise BadAssertion(f"The pattern is not valid: {error}.") from None


def searched(pattern: str, text: str) -> bool:
    try:
        limit_s = min(PATTERN_LIMIT_S, left_s())
        return compiled_pattern(pattern).search(text, timeout=limit_s) is not None
    except TimeoutError:
        raise TooSlow from None


def found_by(pattern: str, text: str, *, most: int) -> list[str]:
    """What the pattern finds: its first group, or all of it where it has none. Raises TooSlow."""
    known = compiled_pattern(pattern)
    found: list[str] = []
    try:
        for match in known.finditer(text, timeout=min(PATTERN_LIMIT_S, left_s())):
            found.append((match[1] if known.groups else match[0]) or "")
            if len(found) >= most:
                break
    except TimeoutError:
        raise TooSlow from None
    return found


def matches_any(pattern: str, texts: Iterable[str]) -> bool:
    """Whether the pattern is in one of them. Raises TooSlow when the deadline of a check passes."""
    with judging():
        return any(searched(pattern, text) for text in texts)
