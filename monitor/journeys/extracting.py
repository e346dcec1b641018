"""What a step takes from its answer for those that follow."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from monitor.journeys.templates import NAME
from monitor.probing.bounds import BadAssertion
from monitor.probing.judging import Subject, searchable_body
from monitor.probing.paths import compiled_path
from monitor.probing.patterns import compiled_pattern, found_by

From = Literal["jsonpath", "header", "cookie", "regex", "status", "body", "response_ms", "url"]
WITH_OF = frozenset({"jsonpath", "header", "cookie", "regex"})
MOST_FOUND = 1000


class NotFound(Exception):
    """The answer holds nothing of the kind; the message says what was looked for."""


class Extraction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A variable out of the answer. Nothing there fails the step, unless there is a default."""

    name: Annotated[str, msgspec.Meta(max_length=128)]
    source: From
    of: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    # Everything that is found, as a list; else the first.
    all: bool = False
    secret: bool = False
    default: Any = msgspec.UNSET

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name[:40]!r} is no name for a variable")
        if self.source in WITH_OF and not self.of:
            raise ValueError(f"{self.name}: {self.source} needs to say of what")
        try:
            if self.source == "jsonpath":
                compiled_path(self.of)
            if self.source == "regex":
                compiled_pattern(self.of)
        except BadAssertion as error:
            raise ValueError(f"{self.name}: {str(error).rstrip('.')}") from None


def extracted(
    each: Extraction, subject: Subject, *, cookies: Mapping[str, str], url: str, of: str | None = None
) -> Any:
    """The value, in its own type. `of` is the place with its variables filled in.

    To be called within `judging()`. Raises NotFound, BadAssertion and TooSlow.
    """
    found = _found(each, subject, cookies, url, each.of if of is None else of)
    if not found:
        if each.default is not msgspec.UNSET:
            return each.default
        raise NotFound(f"{each.source} {each.of}".strip())
    return found[:MOST_FOUND] if each.all else found[0]


def _found(
    each: Extraction, subject: Subject, cookies: Mapping[str, str], url: str, of: str
) -> Sequence[Any]:
    match each.source:
        case "jsonpath":
            return list(compiled_path(of).find(searchable_body(subject)).values())
        case "header":
            return [value for name, value in subject.headers if name.lower() == of.lower()]
        case "cookie":
            return [cookies[of]] if of in cookies else []
        case "regex":
            return found_by(of, subject.body, most=MOST_FOUND if each.all else 1)
        case "status":
            return [subject.status]
        case "body":
            return [subject.body]
        case "response_ms":
            return [subject.response_ms]
        case "url":
            return [url]


# --- As lines of text --------------------------------------------------------------------------------------


def as_line(each: Extraction) -> str:
    """One line that `from_line` reads back: `secret token or "none" = jsonpath $.token`."""
    words = [word for word, is_so in (("secret", each.secret), ("all", each.all)) if is_so]
    words.append(each.name)
    if each.default is not msgspec.UNSET:
        words += ["or", json.dumps(each.default, ensure_ascii=False)]
    return f"{' '.join(words)} = {each.source} {each.of}".rstrip()


def from_line(line: str) -> Extraction:
    """Raises ValueError, with what to write."""
    rest = line.strip()
    said: dict[str, Any] = {}
    while (word := rest.partition(" ")[0]) in ("secret", "all") and not rest[len(word) :].lstrip().startswith(
        "="
    ):
        said[word] = True
        rest = rest[len(word) :].lstrip()
    said["name"], _, rest = rest.partition(" ")
    rest = rest.strip()
    if rest.startswith("or "):
        try:
            said["default"], end = json.JSONDecoder().raw_decode(rest[3:].lstrip())
        except ValueError:
            raise ValueError(f'{said["name"]}: write what it is else as JSON, as or "none"') from None
        rest = rest[3:].lstrip()[end:].strip()
    if not rest.startswith("="):
        raise ValueError("write it as name = jsonpath $.place")
    said["source"], _, of = rest[1:].strip().partition(" ")
    said["of"] = of.strip()
    try:
        return msgspec.convert(said, Extraction)
    except msgspec.ValidationError as error:
        raise ValueError(str(error).partition(" - at `$")[0]) from None
