"""Where a text names somebody: the name as it is, or as an address spells it. Pure.

The same places for Python and for PostgreSQL, in any case, and whole: `ada` stands in `/users/ada/orders` and
not in `/adapters`.
"""

import re
from collections.abc import Collection
from urllib.parse import quote, quote_plus, unquote

# What no text holds, in both dialects.
NOWHERE = r"x\A"
VERSION = re.compile(r"v?[0-9]{1,4}(?:\.[0-9]{1,3}){0,2}", re.IGNORECASE)


def alternatives(names: Collection[str]) -> str:
    """The longest first, as the first that fits is taken."""
    forms = {form for name in names if name for form in (name, quote(name, safe=""), quote_plus(name))}
    return "|".join(literally(form) for form in sorted(forms, key=lambda form: (-len(form), form)))


def literally(text: str) -> str:
    """A backslash makes whatever is no letter or digit itself, in both dialects."""
    return "".join(each if each.isalnum() or each == "_" else f"\\{each}" for each in text)


def sql_pattern(names: Collection[str]) -> str:
    """For `~*`, and regexp_replace with the flags `gi`."""
    found = alternatives(names)
    return f"(?<![[:alnum:]])(?:{found})(?![[:alnum:]])" if found else NOWHERE


def without_mentions(text: str, names: Collection[str], *, instead: str) -> str:
    found = alternatives(names)
    if not found:
        return text
    pattern = rf"(?<![^\W_])(?:{found})(?![^\W_])"
    return re.sub(pattern, lambda _: instead, text, flags=re.IGNORECASE)


# --- Paths and routes --------------------------------------------------------------------------------------


def names_segment(segment: str, names: Collection[str]) -> bool:
    """Whether a segment is one of the names, in any case and however it is escaped."""
    return unquote(segment).casefold() in {name.casefold() for name in names if name}


def segments_naming(route: str, names: Collection[str]) -> list[str]:
    return [unquote(segment) for segment in route.split("/") if names_segment(segment, names)]


def without_segments(route: str, names: Collection[str], *, instead: str) -> str:
    return "/".join(instead if names_segment(each, names) else each for each in route.split("/"))


def is_version(word: str) -> bool:
    """Whether it could be a version or a count as well as a name: `2`, `v1`, `1.0.3`."""
    return VERSION.fullmatch(word) is not None
