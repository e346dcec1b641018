"""Secrets stay in the application: what has a secret's name leaves it as `***MASKED***`.

The monitor masks again, by the same names. Bodies are masked in place, so numbers, order and spaces stay as
they were, and one that was cut is masked like a whole one: a value that never ends is masked to the end.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote_plus

MASK = "***MASKED***"
KEY_PARTS = (
    "password", "passwd", "pwd", "secret", "token", "apikey", "authorization", "accesskey", "privatekey",
    "cardnumber", "cvv", "cvc", "session",
)  # fmt: skip
HEADER_PARTS = ("auth", "token", "secret", "apikey", "password", "session", "cookie")
WHOLE_KEYS = frozenset({"cookie", "setcookie", "ssn"})
_SSN = re.compile(r"(?i:^ssn|ssn$|(?<![^\W\d_])ssn|ssn(?![^\W\d_]))|(?<=[a-z])Ssn(?![a-z])")
_SEPARATORS = str.maketrans("", "", "-_ .")
_ESCAPE = re.compile(r"\\+u([0-9A-Fa-f]{4})")

# A name and the sign behind it: "password": or \"password\": or password= or password:
_NAME = re.compile(
    r"""(?P<quote>\\*+["'])(?P<quoted>(?:[^"'\\\n]|\\u[0-9A-Fa-f]{4}){1,128}+)(?P=quote)\s*+[:=]>?\s*+
    |(?<![\w.%-])(?P<bare>[\w.%\[\]-]{1,128}+)[ \t]*+(?:=>?|:(?!//))[ \t]*+""",
    re.VERBOSE,
)
_QUOTE = re.compile(r"""(\\*+)(["'])""")
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]', re.DOTALL)
_LITERAL = re.compile(r"""[^\s,}\]"'\\]++""")
_WORD = re.compile(r"""(?:(?:Bearer|Basic|Digest|Token)[ \t]++)?+[^\s&<>"'`,;]*+""", re.IGNORECASE)
_SHAPES = re.compile(
    r"(?P<jwt>(?<![\w-])eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+)?)|(?P<own>mkey_(?:test_)?[0-9A-Za-z]{12,}+)"
    r"|(?P<lead>\bBearer[ ]++)[\w.~+/-]{12,}+=*+|(?P<host>://)[^\s/?#\"'<>@]++@",
    re.IGNORECASE,
)


def squash(name: str) -> str:
    """The name without case, separators and escapes: apiKey, API_KEY and api-key are one."""
    if "\\" in name:
        name = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), name)
    if "%" in name:
        name = unquote_plus(unquote_plus(name))
    return name.lower().translate(_SEPARATORS)


class Masker:
    """Masks by the built-in names and these."""

    def __init__(self, *, headers: Iterable[str] = (), keys: Iterable[str] = ()) -> None:
        more = tuple(filter(None, map(squash, keys)))
        self._keys = re.compile("|".join(map(re.escape, (*KEY_PARTS, *more))))
        parts = (*HEADER_PARTS, *KEY_PARTS, *more, *filter(None, map(squash, headers)))
        self._headers = re.compile("|".join(map(re.escape, parts)))
        # The same few names come with every request.
        self.hides_key = lru_cache(4096)(self._hides_key)
        self.hides_header = lru_cache(4096)(self._hides_header)

    def _hides_key(self, name: str) -> bool:
        squashed = squash(name)
        if self._keys.search(squashed) or squashed in WHOLE_KEYS:
            return True
        return "ssn" in squashed and bool(_SSN.search(name))

    def _hides_header(self, name: str) -> bool:
        return bool(self._headers.search(squash(name)))

    def header(self, name: str, value: str) -> str:
        return MASK if self.hides_header(name) else shapes_masked(value)

    def query(self, query: str) -> str:
        """A query, or a form, without the values of secret names."""
        if "=" not in query:
            return query
        return "&".join(map(self._pair, query.split("&")))

    def _pair(self, pair: str) -> str:
        name, sign, value = pair.partition("=")
        return f"{name}={MASK}" if sign and value and self.hides_key(name) else shapes_masked(pair)

    def body(self, text: str, content_type: str) -> str:
        if "form-urlencoded" in content_type.lower():
            return self.query(text)
        return self.text(text)

    def text(self, text: str) -> str:
        """Any text without what stands behind a secret's name, and without secrets known by their form."""
        return shapes_masked(self._names_masked(text))

    def _names_masked(self, text: str) -> str:
        if not self._may_concern(text):
            return text
        pieces: list[str] = []
        done = position = 0
        while match := _NAME.search(text, position):
            position = match.end()
            if not self.hides_key(match["quoted"] or match["bare"]):
                continue
            end, replacement = _value_at(text, position, in_json=match["quote"] is not None)
            if end > position:
                pieces += text[done:position], replacement
                done = position = end
        return "".join([*pieces, text[done:]]) if pieces else text

    def _may_concern(self, text: str) -> bool:
        """The cheap look: most bodies hold no such name at all."""
        squashed = text.lower().translate(_SEPARATORS)
        return bool(self._keys.search(squashed)) or any(
            part in squashed for part in ("cookie", "ssn", "\\u00", "%")
        )


def shapes_masked(text: str) -> str:
    def masked(match: re.Match[str]) -> str:
        return f"{match['host']}{MASK}@" if match["host"] else f"{match['lead'] or ''}{MASK}"

    return _SHAPES.sub(masked, text)


def _value_at(text: str, start: int, *, in_json: bool) -> tuple[int, str]:
    """Where the value that begins here ends, and what to write in its place."""
    if opening := _QUOTE.match(text, start):
        # JSON inside a JSON string: only as many backslashes close what they opened.
        closing = re.compile(r"(?<!\\)" + re.escape(opening[0])) if opening[1] else _unescaped(opening[2])
        found = closing.search(text, opening.end())
        if found is None:
            return len(text), opening[0] + MASK
        return found.end(), opening[0] + MASK + opening[0]
    if text[start : start + 1] in ("{", "["):
        return _end_of_container(text, start), f'"{MASK}"'
    value = (_LITERAL if in_json else _WORD).match(text, start)
    if value is None or not value[0] or value[0] == "null":
        return start, ""
    return value.end(), f'"{MASK}"' if in_json else MASK


@lru_cache(8)
def _unescaped(quote: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\\)(?:\\\\)*+{quote}")


def _end_of_container(text: str, start: int) -> int:
    depth = 0
    for sign in _STRUCTURE.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(sign[0], 0)
        if not depth:
            return sign.end()
    return len(text)
