"""What of a Postman script becomes plain assertions, what runs, and what cannot: line by line."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.journeys.imports.bringing import Fate
from monitor.journeys.imports.statements import Statement, statements

# What the shim knows; everything else of `pm` is said to be unsupported.
_PM = frozenset(
    {
        "test", "expect", "response", "environment", "collectionVariables", "variables", "globals",
        "iterationData", "request", "info", "execution", "cookies",
    }
)  # fmt: skip
_UNSUPPORTED = {
    r"\bpm\.sendRequest\b": "pm.sendRequest",
    r"\bpm\.cookies\.jar\b": "pm.cookies.jar",
    r"\bpm\.execution\.(?!setNextRequest\b)\w+": "pm.execution beyond setNextRequest",
    r"\bpm\.vault\b": "pm.vault",
    r"\bpm\.visualizer\b": "pm.visualizer",
    r"\bpm\.require\b": "pm.require",
    r"(?<![\w.])require\s*\(": "require()",
    r"\bset(?:Timeout|Interval)\s*\(": "timers",
    r"\b(?:async|await)\b|\bnew\s+Promise\b|\bPromise\.": "asynchronous code",
    r"\bCryptoJS\b": "CryptoJS",
    r"\bcheerio\b": "cheerio",
    r"\bxml2Json\b": "xml2Json",
    r"\btv4\b|\bajv\b|\bjsonSchema\b": "JSON Schema in a script (an assertion of ours can do it)",
    r"(?<![\w.])_\.\w+": "lodash",
    r"\bmoment\s*\(": "moment",
    r"\bpm\.request\.(?:url|body)\.(?:update|set|add|remove)\w*|\bpm\.request\.(?:url|body|method)\s*=[^=]": (
        "changing the request beyond its headers"
    ),
}
_UNSUPPORTED_COMPILED = [(re.compile(pattern), words) for pattern, words in _UNSUPPORTED.items()]
_PM_PLACE = re.compile(r"\bpm\.([A-Za-z]+)")

_TEXT = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
# Within a line; a text that is not closed there goes on to its end.
_NO_CODE = re.compile(r""""(?:[^"\\]|\\.)*(?:"|\\?$)|'(?:[^'\\]|\\.)*(?:'|\\?$)|//.*$""")
_NUMBER = r"-?\d+(?:\.\d+)?"
_LITERAL = rf"(?:{_TEXT}|{_NUMBER}|true|false|null)"
_PATH = rf"(?:\.[A-Za-z_$][\w$]*|\[\d+\]|\[{_TEXT}\])*"
_BODY_JSON = r"(?:pm\.response\.json\(\)|JSON\.parse\(responseBody\))"
_ALIAS = re.compile(rf"(?:const|let|var)\s+(\w+)\s*=\s*{_BODY_JSON}")
_TEST = re.compile(
    rf"pm\.test\(\s*({_TEXT})\s*,\s*(?:function(?:\s+\w+)?\s*\(\s*\)|\(\s*\)\s*=>)(.*)\)", re.DOTALL
)
_STORE = (
    r"(?:pm\.(?:environment|collectionVariables|variables|globals)\.set"
    r"|postman\.set(?:Environment|Global)Variable)"
)
_STATUS: Mapping[str, Sequence[tuple[str, Any]]] = {
    "ok": [("==", 200)], "success": [("in", ["2xx"])], "redirection": [("in", ["3xx"])],
    "info": [("in", ["1xx"])],
    "clientError": [("in", ["4xx"])], "serverError": [("in", ["5xx"])], "error": [("in", ["4xx", "5xx"])],
    "accepted": [("==", 202)], "badRequest": [("==", 400)], "unauthorized": [("==", 401)],
    "forbidden": [("==", 403)], "notFound": [("==", 404)], "rateLimited": [("==", 429)],
}  # fmt: skip
_ORDERS = {
    "above": ">", "greaterThan": ">", "gt": ">", "least": ">=", "gte": ">=", "below": "<", "lessThan": "<",
    "lt": "<", "most": "<=", "lte": "<=",
}  # fmt: skip
_EQUALS = r"(?:deep\.equal|equals?|eql|eq)"


@dataclass(kw_only=True)
class Read:
    """What became of one script."""

    assertions: list[dict[str, Any]] = field(default_factory=list)
    extract: list[dict[str, Any]] = field(default_factory=list)
    # What is left to run, empty when nothing is.
    script: str = ""
    # What is left out, by line.
    problems: list[tuple[int, str]] = field(default_factory=list)
    runs_something: bool = False

    @property
    def fate(self) -> Fate:
        if not self.problems:
            return "runs"
        return "partly" if self.runs_something else "unsupported"


def read_script(script: str, *, plain: bool = True) -> Read:
    """Statement by statement: as plain assertions where that says the same (and `plain` allows it), left out
    where it cannot run here, else kept as it is."""
    read, kept = Read(), []
    aliases: set[str] = set()
    for each in statements(script):
        if problems := problems_of(each):
            read.problems += problems
            continue
        if alias := _ALIAS.fullmatch(each.text):
            aliases.add(alias[1])
            kept.append(each)
            continue
        if plain and _take(each.text, read, aliases):
            read.runs_something = True
            continue
        kept.append(each)
        read.runs_something = True
    if any(not _ALIAS.fullmatch(each.text) for each in kept):
        read.script = "\n".join(f"{each.text};" for each in kept)
    return read


def problems_of(statement: Statement) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for number, line in enumerate(statement.text.split("\n"), statement.line):
        code = _NO_CODE.sub('""', line)
        for pattern, words in _UNSUPPORTED_COMPILED:
            if pattern.search(code):
                found.append((number, words))
        for place in _PM_PLACE.findall(code):
            known = any(f"pm.{place}" in words for _, words in found)
            if place not in _PM and not known:
                found.append((number, f"pm.{place}"))
    return found


def _take(text: str, read: Read, aliases: set[str]) -> bool:
    """Whether the statement became assertions or an extraction, all of it."""
    if stored := _stored(text, aliases):
        read.extract.append(stored)
        return True
    if legacy := re.fullmatch(rf"tests\[{_TEXT}\]\s*=\s*responseCode\.code\s*={{2,3}}\s*(\d+)", text):
        read.assertions.append(_assertion("status", "==", int(legacy[1])))
        return True
    match = _TEST.fullmatch(text)
    if match is None:
        return False
    body = match[2].strip()
    inner = statements(body[1:-1]) if body.startswith("{") and body.endswith("}") else statements(body)
    inner_aliases, found = set(aliases), []
    for each in inner:
        if alias := _ALIAS.fullmatch(each.text):
            inner_aliases.add(alias[1])
            continue
        made = assertions_of(each.text, inner_aliases)
        if not made:
            return False
        found += made
    read.assertions += found
    return bool(found)


def _stored(text: str, aliases: set[str]) -> dict[str, Any] | None:
    # Blanks are taken off afterwards: patterns that share them out among their parts try every way to do so.
    match = re.fullmatch(rf"{_STORE}\(\s*({_TEXT})\s*,(.+)\)", text, re.DOTALL)
    path = _path_of(match[2], aliases) if match else None
    if match is None or path is None:
        return None
    # Postman stores nothing where nothing is; a later step that needs it fails there.
    return {"name": _value(match[1]), "source": "jsonpath", "of": path, "default": None}


def assertions_of(text: str, aliases: set[str]) -> list[dict[str, Any]]:
    """What says the same as one statement of a test; empty when that is not sure."""
    if status := re.fullmatch(r"pm\.response\.to\.have\.status\(\s*(\d+)\s*\)", text):
        return [_assertion("status", "==", int(status[1]))]
    if word := re.fullmatch(r"pm\.response\.to\.be\.(\w+)", text):
        return [_assertion("status", comparison, target) for comparison, target in _STATUS.get(word[1], [])]
    if header := re.fullmatch(
        rf"pm\.response\.to\.have\.header\(\s*({_TEXT})\s*(?:,\s*({_TEXT})\s*)?\)", text
    ):
        name = _value(header[1])
        if header[2] is None:
            return [_assertion("header", "exists", property=name)]
        return [_assertion("header", "==", _value(header[2]), property=name)]
    expected = re.fullmatch(r"pm\.expect\((.+?)\)\s*\.to\.(.+)", text, re.DOTALL)
    return _expectation(expected[1].strip(), expected[2], aliases) if expected else []


def _expectation(subject: str, claim: str, aliases: set[str]) -> list[dict[str, Any]]:
    if subject in ("pm.response.code", "responseCode.code"):
        return _of_number("status", claim)
    if subject in ("pm.response.responseTime", "responseTime"):
        return _of_number("response_ms", claim)
    if subject in ("pm.response.text()", "responseBody"):
        found = re.fullmatch(rf"(not\.)?(?:include|contain|have\.string)\(\s*({_TEXT})\s*\)", claim)
        return (
            [_assertion("body", "not_contains" if found[1] else "contains", _value(found[2]))]
            if found
            else []
        )
    path = _path_of(subject, aliases)
    return _of_path(path, claim) if path is not None else []


def _of_number(source: str, claim: str) -> list[dict[str, Any]]:
    if equal := re.fullmatch(rf"(?:be\.)?(not\.)?{_EQUALS}\(\s*({_NUMBER})\s*\)", claim):
        return [_assertion(source, "!=" if equal[1] else "==", _value(equal[2]))]
    if order := re.fullmatch(rf"be\.(?:at\.)?(\w+)\(\s*({_NUMBER})\s*\)", claim):
        return [_assertion(source, _ORDERS[order[1]], _value(order[2]))] if order[1] in _ORDERS else []
    if one := re.fullmatch(rf"be\.oneOf\(\s*\[\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*\]\s*\)", claim):
        return [_assertion(source, "in", [_value(each.strip()) for each in one[1].split(",")])]
    return []


def _of_path(path: str, claim: str) -> list[dict[str, Any]]:
    def of(comparison: str, target: Any = None, *, at: str = path) -> dict[str, Any]:
        return _assertion("jsonpath", comparison, target, property=at)

    if equal := re.fullmatch(rf"(?:be\.)?{_EQUALS}\(\s*({_LITERAL})\s*\)", claim):
        value = _value(equal[1])
        # Ours takes "5" for 5, and a script does not.
        return [of("is_type", _type_of(value)), of("==", value)]
    if word := re.fullmatch(r"be\.(true|false|null)", claim):
        value = _value(word[1])
        return [of("is_type", _type_of(value)), of("==", value)]
    if kind := re.fullmatch(rf"be\.an?\(\s*({_TEXT})\s*\)", claim):
        name = str(_value(kind[1])).lower()
        is_known = name in ("string", "number", "boolean", "array", "object", "null")
        return [of("is_type", name)] if is_known else []
    if order := re.fullmatch(rf"be\.(?:at\.)?(\w+)\(\s*({_NUMBER})\s*\)", claim):
        if order[1] in _ORDERS:
            return [of("is_type", "number"), of(_ORDERS[order[1]], _value(order[2]))]
        return []
    if size := re.fullmatch(r"have\.(?:lengthOf|length)\(\s*(\d+)\s*\)", claim):
        return [of("length", int(size[1]))]
    if inner := re.fullmatch(rf"have\.property\(\s*({_TEXT})\s*(?:,\s*({_LITERAL})\s*)?\)", claim):
        place = f"{path}[{json.dumps(_value(inner[1]))}]"
        if inner[2] is None:
            return [of("exists", at=place)]
        value = _value(inner[2])
        return [of("is_type", _type_of(value), at=place), of("==", value, at=place)]
    return []


def _path_of(text: str, aliases: set[str]) -> str | None:
    """The JSONPath of `json.user.id`, or None for what is no plain place in the body."""
    heads = "|".join([_BODY_JSON, *map(re.escape, sorted(aliases))])
    match = re.fullmatch(rf"(?:{heads})({_PATH})", text.strip())
    # Of an array or text, `length` is no place in the body.
    if match is None or match[1].endswith(".length"):
        return None
    return "$" + re.sub(r"\.([A-Za-z_]*\$[\w$]*)", r'["\1"]', match[1])


def _value(text: str) -> Any:
    if text[:1] == "'":
        text = json.dumps(re.sub(r"\\(.)", r"\1", text[1:-1]))
    try:
        return json.loads(text)
    except ValueError:
        return text.strip("\"'")


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", str: "string"}.get(type(value), "number")


def _assertion(source: str, comparison: str, target: Any = None, *, property: str = "") -> dict[str, Any]:
    return {"source": source, "property": property, "comparison": comparison, "target": target}
