"""Assertions as lines of text, for forms and files: what one way writes, the other reads."""

import json
import re
import shlex
from typing import Any, Literal

import msgspec

from monitor.probing.assertions import WITH_PROPERTY, Assertion
from monitor.probing.bounds import BadAssertion
from monitor.probing.comparing import WITHOUT_TARGET, Comparison

_WORDS = {"=": "==", "is": "==", "!~": "not_contains", "~": "matches"}


def as_line(assertion: Assertion) -> str:
    """One line that `from_line` reads back: `warn jsonpath $.status == "ok"`."""
    words = ["warn"] if assertion.severity == "warn" else []
    words.append(assertion.source)
    if assertion.source in WITH_PROPERTY:
        words.append(shlex.quote(assertion.property) if " " in assertion.property else assertion.property)
    if assertion.source != "json_schema":
        words.append(assertion.comparison)
    if assertion.source == "json_schema" or assertion.comparison not in WITHOUT_TARGET:
        words.append(json.dumps(assertion.target, ensure_ascii=False))
    return " ".join(words)


def from_line(line: str) -> Assertion:
    """Raises BadAssertion."""
    severity: Literal["fail", "warn"] = "fail"
    rest = line.strip()
    if rest.startswith("warn "):
        severity, rest = "warn", rest[5:].lstrip()
    source, _, rest = rest.partition(" ")
    named = ""
    if source in WITH_PROPERTY:
        named, rest = _property_of(rest.strip())
    comparison = "valid"
    if source != "json_schema":
        comparison, _, rest = rest.strip().partition(" ")
        comparison = _WORDS.get(comparison, comparison)
    try:
        return msgspec.convert(
            {
                "source": source,
                "property": named,
                "comparison": comparison,
                "target": "null" if comparison == "is_type" and rest == "null" else _target_of(rest.strip()),
                "severity": severity,
            },
            Assertion,
        )
    except msgspec.ValidationError as error:
        raise BadAssertion(str(error).partition(" - at `$")[0]) from None


def _property_of(text: str) -> tuple[str, str]:
    """A path may hold spaces: it ends where a comparison begins, or at its closing quote."""
    if text[:1] in ("'", '"') and (end := text.find(text[0], 1)) > 0:
        return text[1:end], text[end + 1 :]
    known = "|".join(map(re.escape, sorted((*Comparison.__args__, *_WORDS), key=len, reverse=True)))  # type: ignore[attr-defined] # of a Literal
    found = None
    # The last one: a filter within a path has comparisons of its own.
    depth = 0
    for word in re.finditer(r"[\[\](){}]|\s(" + known + r")(?=\s|$)", text):
        if word[0] in "[({":
            depth += 1
        elif word[0] in "])}":
            depth -= 1
        elif depth == 0:
            found = word
            break
    if found is None:
        return text, ""
    return text[: found.start()].strip(), text[found.start() :].strip()


def _target_of(text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
