"""What counts as a secret's name, and what stands in its place."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import unquote

MASK = "***MASKED***"
# The same few names come with every log: remembering the answers saves a sixth of what masking costs.
MAX_REMEMBERED_NAMES = 4096
LONGEST_REMEMBERED_NAME = 64  # characters; senders choose names, and must not choose our memory
# So do most values of headers and parameters; those that held nothing to mask need no second look.
MAX_REMEMBERED_TEXTS = 4096
LONGEST_REMEMBERED_TEXT = 128

# Compared after `squash`, as parts of a name: "apikey" also finds X-Api-Key and api_key_id.
_KEY_PARTS = (
    "password", "passwd", "pwd", "secret", "token", "apikey", "authorization", "accesskey", "privatekey",
    "cardnumber", "cvv", "cvc", "session",
)  # fmt: skip
_HEADER_PARTS = ("auth", "token", "secret", "apikey", "password", "session", "cookie")
# As whole names only. Bodies of echo services and stack traces quote headers; `cookies_enabled` is no secret.
_WHOLE_KEYS = frozenset({"cookie", "setcookie"})

# "ssn" as a part of any name would hide className, businessName and addressNumber, which many APIs
# send. So it counts at the edge of a name, or where case or a separator sets it apart.
_SSN = re.compile(
    r"(?i:^ssn|ssn$|(?<![^\W\d_])ssn|ssn(?![^\W\d_]))|(?<![A-Z])SSN(?![a-z])|(?<=[a-z])Ssn(?![a-z])"
)

# A letter written as an escape (JSON's \u0070, a URL's %70 or %2570) can spell a name the plain search
# misses.
_ESCAPED_LETTER = re.compile(r"(?:%(?:25)*+|\\u00)[4-7][0-9A-Fa-f]")
_JSON_ESCAPE = re.compile(r"\\+u([0-9A-Fa-f]{4})")
_MASK_ANY_SPELLING = re.compile(r"(?:\*|%2A){3}MASKED(?:\*|%2A){3}", re.IGNORECASE)


def squash(name: str) -> str:
    """The name without case and separators: apiKey, API_KEY, api-key, "api key" and api.key are one."""
    return name.lower().replace("-", "").replace("_", "").replace(" ", "").replace(".", "")


def plain_name(name: str) -> str:
    """The name with JSON and percent escapes resolved, also when a URL inside a URL escaped it twice."""
    if "\\" in name:
        name = _JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), name)
    return fully_unquoted(name)


def fully_unquoted(text: str) -> str:
    """The text with percent escapes resolved up to three levels deep."""
    for _ in range(3):
        if "%" not in text:
            break
        text = unquote(text)
    return text


def is_masked(value: object) -> bool:
    """Whether this value was replaced as a whole."""
    return value == MASK


def contains_mask(text: str) -> bool:
    """Whether something in the text was masked, also where the mask itself was percent-encoded since."""
    return bool(_MASK_ANY_SPELLING.search(text))


class Harmless(set[str]):
    """Texts of one kind that were looked through lately, and held nothing to mask."""

    def remember(self, text: str) -> None:
        if len(text) <= LONGEST_REMEMBERED_TEXT:
            if len(self) >= MAX_REMEMBERED_TEXTS:
                self.clear()
            self.add(text)


@dataclass(frozen=True, kw_only=True)
class MaskingRules:
    """Names to mask beyond the built-in ones; each counts as a part of a name, whatever its case and
    separators.

    Raises ValueError for a name without a letter or digit, because it would mask everything.
    """

    extra_headers: tuple[str, ...] = ()
    extra_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.extra_headers, *self.extra_keys):
            if not any(character.isalnum() for character in name):
                raise ValueError(f"A name to mask needs a letter or digit: {name!r}.")

    @cached_property
    def _key_parts(self) -> tuple[str, ...]:
        return _KEY_PARTS + tuple(squash(name) for name in self.extra_keys)

    @cached_property
    def _header_parts(self) -> tuple[str, ...]:
        return _HEADER_PARTS + self._key_parts + tuple(squash(name) for name in self.extra_headers)

    @cached_property
    def _any_key(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._key_parts)))

    @cached_property
    def _any_header(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._header_parts)))

    @cached_property
    def _known_keys(self) -> Callable[[str], bool]:
        return lru_cache(MAX_REMEMBERED_NAMES)(self._is_sensitive_key)

    @cached_property
    def _known_headers(self) -> Callable[[str], bool]:
        return lru_cache(MAX_REMEMBERED_NAMES)(self._is_sensitive_header)

    @cached_property
    def _any_part(self) -> tuple[str, ...]:
        return (*self._key_parts, "ssn", "cookie")

    # Two sets, as what is harmless as the value of a header may hold a secret as a query: pairs are decoded.
    @cached_property
    def harmless_values(self) -> Harmless:
        return Harmless()

    @cached_property
    def harmless_pairs(self) -> Harmless:
        return Harmless()

    def is_sensitive_key(self, name: str) -> bool:
        """Whether a value of this name, in a body or a query, is a secret."""
        known = self._known_keys if len(name) <= LONGEST_REMEMBERED_NAME else self._is_sensitive_key
        return known(name)

    def _is_sensitive_key(self, name: str) -> bool:
        squashed = squash(name)
        return (
            bool(self._any_key.search(squashed))
            or squashed in _WHOLE_KEYS
            or ("ssn" in squashed and bool(_SSN.search(name)))
        )

    def is_sensitive_header(self, name: str) -> bool:
        """Whether the value of a header of this name is a secret."""
        known = self._known_headers if len(name) <= LONGEST_REMEMBERED_NAME else self._is_sensitive_header
        return known(name)

    def _is_sensitive_header(self, name: str) -> bool:
        return bool(self._any_header.search(squash(name)))

    def may_concern(self, text: str) -> bool:
        """Whether a sensitive name could stand anywhere in the text: the cheap look before any parsing.

        About 1 ms for 80 kB without one, against 6 ms for masking them. Each part is searched for by itself:
        one pattern of all of them takes half as long again.
        """
        squashed = squash(text)
        for part in self._any_part:
            if part in squashed:
                return True
        return ("%" in text or "\\u00" in text) and bool(_ESCAPED_LETTER.search(text))


DEFAULT_RULES = MaskingRules()
