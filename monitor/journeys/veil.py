"""Known secrets, hidden wherever they come back: an answer may repeat what a request carried. Pure."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from monitor.lib import masking
from monitor.lib.kept_text import RULES
from monitor.lib.masking import MASK

# Shorter ones are hidden only where they stand alone: a secret "1" is in every text.
SHORT = 4


class Veil:
    """The secrets of one run."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._spellings: list[str] | None = None

    def add(self, value: Any) -> None:
        """The value, or all that lies in it, is secret from now on."""
        for text in _leaves(value):
            if text and text not in self._known:
                self._known.add(text)
                self._spellings = None

    def over(self, text: str) -> str:
        """The text without any known secret, as it is or as URLs, JSON and headers write it."""
        if not self._known or not text:
            return text
        # Looked for one by one: a pattern of hundreds takes seconds for a long body, in which hardly any is.
        present = [each for each in self._all_spellings() if each in text]
        return re.sub("|".join(map(_piece, present)), MASK, text) if present else text

    def beginning(self, text: str) -> str:
        """The same for the beginning of a longer text, at whose end a secret may have been cut."""
        veiled = self.over(text)
        for each in self._all_spellings():
            at = veiled.rfind(each[:SHORT]) if len(each) > SHORT else -1
            while at >= 0:
                if each.startswith(veiled[at:]):
                    veiled = veiled[:at] + MASK
                    break
                at = veiled.rfind(each[:SHORT], max(len(veiled) - len(each), 0), at + SHORT - 1)
        return veiled

    def _all_spellings(self) -> list[str]:
        """The longest first, as the first that fits is taken."""
        if self._spellings is None:
            found = {each for secret in self._known for each in _spellings(secret)}
            self._spellings = sorted(found, key=lambda each: (-len(each), each))
        return self._spellings

    def text(self, text: str) -> str:
        return masking.mask_text(self.over(text), rules=RULES)

    def url(self, url: str) -> str:
        return masking.mask_url(self.over(url), rules=RULES)

    def body(self, text: str, content_type: str | None) -> str:
        return masking.mask_body(self.over(text), content_type=content_type, rules=RULES)

    def headers(self, pairs: Mapping[str, str]) -> dict[str, str]:
        veiled = {name: self.over(value) for name, value in pairs.items()}
        return {name: str(value) for name, value in masking.mask_headers(veiled, rules=RULES).items()}


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, str):
        yield value
    elif value is not None and not isinstance(value, bool):
        yield json.dumps(value)


def _spellings(secret: str) -> set[str]:
    data = secret.encode(errors="replace")
    return {
        secret,
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, safe="", errors="replace"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        base64.b64encode(data).decode(),
    }


def _piece(text: str) -> str:
    escaped = re.escape(text)
    return escaped if len(text) >= SHORT else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"
