"""What an answer must be like: sources, comparisons, and a line of text for each.

Patterns and paths come from people, and so do the answers they read. All assertions of a check have one
deadline that is really kept: `regex` checks it within the search, paths between two nodes, and JSON Schema's
patterns run on an engine whose time is linear.
"""

import json
import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

import jsonschema_rs
import msgspec
import regex
from iregexp_check import check as is_portable
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathNode, JSONPathQuery
from jsonpath_rfc9535.filter_expressions import (
    ComparisonExpression,
    Expression,
    FilterContext,
    FilterExpression,
    FilterQuery,
    FunctionExtension,
    LogicalExpression,
    PrefixExpression,
)
from jsonpath_rfc9535.function_extensions import ExpressionType, FilterFunction
from jsonpath_rfc9535.function_extensions._pattern import map_re
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath_rfc9535.selectors import FilterSelector

from monitor.lib.masking import mask_text

PATTERN_LIMIT_S = 0.5
# All assertions of a check together, however many there are.
JUDGING_LIMIT_S = 2.0
# What a path may be asked of: beyond it even a plain walk is felt.
PATH_BODY_CHARACTERS = 64 * 1024
PATH_NESTING = 64
# Where judging runs: other checks go on meanwhile.
JUDGING = ThreadPoolExecutor(4, thread_name_prefix="judging")
SHOWN_CHARACTERS = 200

Source = Literal[
    "status",
    "response_ms",
    "header",
    "body",
    "body_bytes",
    "jsonpath",
    "json_schema",
    "tls_days",
    "tls_version",
    "redirects",
]
Comparison = Literal[
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "contains",
    "not_contains",
    "starts_with",
    "ends_with",
    "matches",
    "in",
    "exists",
    "absent",
    "empty",
    "not_empty",
    "is_type",
    "length",
    "valid",
]
WITHOUT_TARGET = frozenset({"exists", "absent", "empty", "not_empty"})
WITH_PROPERTY = frozenset({"header", "jsonpath"})
NUMBERS = frozenset({"status", "response_ms", "body_bytes", "tls_days", "redirects"})
ORDERED = frozenset({"<", "<=", ">", ">="})
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


class BadAssertion(ValueError):
    """An assertion that cannot be judged; the message says what to write."""


class TooSlow(Exception):
    """A pattern or path took longer than its limit."""


class Assertion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something the answer must be. A warning makes the monitor slow rather than down."""

    source: Source
    property: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    comparison: Comparison = "=="
    target: Any = None
    severity: Literal["fail", "warn"] = "fail"

    def __post_init__(self) -> None:
        try:
            check_assertion(self)
        except BadAssertion as error:
            raise ValueError(str(error)) from None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The answer as assertions see it."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: str
    body_bytes: int
    response_ms: float
    redirects: int
    tls_days: float | None = None
    tls_version: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one assertion went; `actual` is masked and short."""

    assertion: Assertion
    holds: bool
    actual: str
    problem: str = ""

    def as_detail(self) -> dict[str, Any]:
        return {
            "text": as_line(self.assertion),
            "holds": self.holds,
            "actual": self.actual,
            "problem": self.problem,
            "severity": self.assertion.severity,
        }


def check_assertion(assertion: Assertion) -> None:
    """Raises BadAssertion for what could never be judged, so that a form can say so."""
    source, comparison, target = assertion.source, assertion.comparison, assertion.target
    if source in WITH_PROPERTY and not assertion.property:
        raise BadAssertion(f"{source} needs the name of a {'header' if source == 'header' else 'path'}.")
    if source == "jsonpath":
        compiled_path(assertion.property)
    if source == "json_schema":
        compiled_schema(json.dumps(target))
        return
    if comparison == "valid":
        raise BadAssertion("'valid' belongs to json_schema.")
    if comparison not in WITHOUT_TARGET and target is None and source != "jsonpath":
        raise BadAssertion(f"'{comparison}' needs something to compare with.")
    check_comparison(comparison, target)


def check_comparison(comparison: str, target: Any) -> None:
    """Raises BadAssertion for what could never be compared."""
    if comparison == "matches":
        compiled_pattern(str(target))
    if comparison in ORDERED and number_of(target) is None:
        raise BadAssertion(f"'{comparison}' compares with a number.")
    if comparison == "is_type" and target not in _TYPES:
        raise BadAssertion(f"A type is one of {', '.join(_TYPES)}.")


Hide = Callable[[str], str]
_deadline: ContextVar[float] = ContextVar("deadline")


def nothing_hidden(text: str) -> str:
    return text


_hide: ContextVar[Hide] = ContextVar("hide", default=nothing_hidden)


@contextmanager
def judging() -> Iterator[None]:
    """One deadline for all that is judged within."""
    token = _deadline.set(time.monotonic() + JUDGING_LIMIT_S)
    try:
        yield
    finally:
        _deadline.reset(token)


def judge_all(
    assertions: Iterable[Assertion], subject: Subject, *, hide: Hide = nothing_hidden
) -> list[Verdict]:
    """Each in turn, within one deadline; those it leaves no time for do not hold, and say so. `hide` takes
    secrets out of what is shown, before it is cut: half a secret is not known again."""
    token = _hide.set(hide)
    try:
        with judging():
            return [_judged(each, subject) for each in assertions]
    finally:
        _hide.reset(token)


def judge(assertion: Assertion, subject: Subject) -> Verdict:
    """Never raises: what cannot be judged does not hold, and says why."""
    return judge_all([assertion], subject)[0]


def matches_any(pattern: str, texts: Iterable[str]) -> bool:
    """Whether the pattern is in one of them. Raises TooSlow when the deadline of a check passes."""
    with judging():
        return any(searched(pattern, text) for text in texts)


def left_s() -> float:
    """Seconds left for judging. Raises TooSlow when there are none."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TooSlow
    return left


def _judged(assertion: Assertion, subject: Subject) -> Verdict:
    try:
        left_s()
        found, actual = observed(assertion, subject)
        if assertion.source == "json_schema":
            problem = "" if not found else actual
            return Verdict(assertion=assertion, holds=not found, actual=shown(actual), problem=problem)
        holds = compare(assertion.comparison, found, actual, assertion.target)
        return Verdict(assertion=assertion, holds=holds, actual=shown(actual) if found else "nothing")
    except TooSlow:
        return Verdict(assertion=assertion, holds=False, actual="", problem="took too long to judge")
    except (ValueError, TypeError, RecursionError, JSONPathError) as error:
        problem = str(error) if isinstance(error, BadAssertion) else "cannot be compared"
        return Verdict(assertion=assertion, holds=False, actual="", problem=problem)


def observed(assertion: Assertion, subject: Subject) -> tuple[bool, Any]:
    """Whether the source is there, and its value. For a schema: whether it is broken, and how."""
    match assertion.source:
        case "status":
            return True, subject.status
        case "response_ms":
            return True, subject.response_ms
        case "header":
            wanted = assertion.property.lower()
            values = [value for name, value in subject.headers if name.lower() == wanted]
            return bool(values), ", ".join(values)
        case "body":
            return bool(subject.body), subject.body
        case "body_bytes":
            return True, subject.body_bytes
        case "jsonpath":
            nodes = compiled_path(assertion.property).find(searchable_body(subject)).values()
            return bool(nodes), nodes[0] if len(nodes) == 1 else nodes
        case "json_schema":
            return broken(assertion.target, parsed_body(subject))
        case "tls_days":
            return subject.tls_days is not None, subject.tls_days
        case "tls_version":
            return bool(subject.tls_version), subject.tls_version
        case "redirects":
            return True, subject.redirects


def parsed_body(subject: Subject) -> Any:
    try:
        return json.loads(subject.body)
    except ValueError:
        raise BadAssertion("the body is not JSON") from None


def searchable_body(subject: Subject) -> Any:
    """The body for a path. Raises BadAssertion for one that is too long or too deep to be walked."""
    if len(subject.body) > PATH_BODY_CHARACTERS:
        raise BadAssertion(f"the body is longer than the {PATH_BODY_CHARACTERS // 1024} KiB a path reads")
    document = parsed_body(subject)
    level, depth = [document], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        if depth > PATH_NESTING:
            raise BadAssertion(f"the body is nested deeper than the {PATH_NESTING} levels a path reads")
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return document


def broken(schema: Any, document: Any) -> tuple[bool, str]:
    error = next(compiled_schema(json.dumps(schema)).iter_errors(document), None)
    if error is None:
        return False, "valid"
    place = "/".join(map(str, error.instance_path))
    return True, f"/{place}: {shown(error.message)}"


def compare(comparison: str, found: bool, actual: Any, target: Any) -> bool:
    match comparison:
        case "exists":
            return found
        case "absent":
            return not found
        case "empty":
            return not found or actual in ("", [], {}, None)
        case "not_empty":
            return found and actual not in ("", [], {}, None)
    if not found:
        return comparison in ("!=", "not_contains")
    match comparison:
        case "==":
            return same(actual, target)
        case "!=":
            return not same(actual, target)
        case "contains":
            return holds_within(actual, target)
        case "not_contains":
            return not holds_within(actual, target)
        case "starts_with":
            return str(actual).startswith(str(target))
        case "ends_with":
            return str(actual).endswith(str(target))
        case "matches":
            return searched(str(target), str(actual))
        case "in":
            return any(within(actual, each) for each in listed(target))
        case "is_type":
            is_flag = isinstance(actual, bool)
            return isinstance(actual, _TYPES[target]) and (not is_flag or target == "boolean")
        case "length":
            return len(actual) == number_of(target)
    left, right = number_of(actual), number_of(target)
    if left is None or right is None:
        raise BadAssertion("is no number")
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[comparison]


def same(actual: Any, target: Any) -> bool:
    if isinstance(actual, bool) or isinstance(target, bool):
        return str(actual).lower() == str(target).lower()
    left, right = number_of(actual), number_of(target)
    if left is not None and right is not None:
        return left == right
    return bool(actual == target) or (not isinstance(actual, list | dict) and str(actual) == str(target))


def holds_within(actual: Any, target: Any) -> bool:
    if isinstance(actual, list):
        return any(same(each, target) for each in actual)
    if isinstance(actual, dict):
        return str(target) in actual
    return str(target) in str(actual)


def listed(target: Any) -> list[Any]:
    return target if isinstance(target, list) else [each.strip() for each in str(target).split(",")]


def within(actual: Any, wanted: Any) -> bool:
    """Whether the value is the wanted one, or lies in a range ("200-299") or class ("2xx") of codes."""
    if (bounds := code_range(str(wanted))) is not None and (number := number_of(actual)) is not None:
        return bounds[0] <= number <= bounds[1]
    return same(actual, wanted)


def code_range(text: str) -> tuple[int, int] | None:
    if re.fullmatch(r"[1-9][xX]{2}", text):
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    if span := re.fullmatch(r"(\d{1,9})-(\d{1,9})", text):
        return int(span[1]), int(span[2])
    return None


def number_of(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # Cut first here: a page of text would be masked for the sake of a line.
    text = mask_text(_hide.get()(text[: SHOWN_CHARACTERS * 4]))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


# --- Patterns, paths, schemas ------------------------------------------------------------------------------


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


class _BoundedPattern(FilterFunction):
    """RFC 9535's match() and search(), which the library runs without a limit of time."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def __call__(self, text: object, pattern: object) -> bool:
        if not isinstance(text, str) or not isinstance(pattern, str) or not is_portable(pattern):
            return False
        find = regex.fullmatch if self._whole else regex.search
        try:
            return find(map_re(pattern), text, timeout=min(PATTERN_LIMIT_S, left_s())) is not None
        except TimeoutError:
            raise TooSlow from None
        except regex.error:
            return False


_PATHS = JSONPathEnvironment()
_PATHS.function_extensions["match"] = _BoundedPattern(whole=True)
_PATHS.function_extensions["search"] = _BoundedPattern(whole=False)


class _WatchedSegment(JSONPathSegment):
    """A segment that looks at the deadline before each node it is asked of, as `[*,*][*,*]…` doubles them
    at every step, and before each that it gives: a filter may ask for a whole document each time."""

    def __init__(self, inner: JSONPathSegment) -> None:
        super().__init__(env=inner.env, token=inner.token, selectors=inner.selectors)
        self._inner = inner

    def resolve(self, nodes: Iterable[JSONPathNode]) -> Iterable[JSONPathNode]:
        return _in_time(self._inner.resolve(_in_time(nodes)))


class _WatchedFilter(FilterExpression):
    """A filter that looks at the deadline before each element, since it may let none through."""

    def evaluate(self, context: FilterContext) -> bool:
        left_s()
        return super().evaluate(context)


def _in_time(nodes: Iterable[JSONPathNode]) -> Iterator[JSONPathNode]:
    for node in nodes:
        left_s()
        yield node


@lru_cache(maxsize=1024)
def compiled_path(path: str) -> Any:
    """The path, held to the deadline. Raises BadAssertion."""
    try:
        query = _PATHS.compile(path)
        descents = sum(isinstance(each, JSONPathRecursiveDescentSegment) for each in query.segments)
        if descents > 1:
            raise BadAssertion("property: A JSONPath may hold '..' once.")
        _watch(query, in_filter=False)
    except (JSONPathError, RecursionError) as error:
        raise BadAssertion(f"The JSONPath is not valid: {str(error).splitlines()[0]}") from None
    return query


def _watch(query: JSONPathQuery, *, in_filter: bool) -> None:
    for segment in query.segments:
        if in_filter and isinstance(segment, JSONPathRecursiveDescentSegment):
            raise BadAssertion("property: A filter of a JSONPath may not hold '..'.")
        for selector in segment.selectors:
            if isinstance(selector, FilterSelector):
                _watch_within(selector.expression)
                selector.expression = _WatchedFilter(selector.token, selector.expression.expression)
    query.segments = tuple(_WatchedSegment(each) for each in query.segments)


def _watch_within(expression: Expression) -> None:
    match expression:
        case FilterExpression():
            _watch_within(expression.expression)
        case PrefixExpression():
            _watch_within(expression.right)
        case LogicalExpression() | ComparisonExpression():
            _watch_within(expression.left)
            _watch_within(expression.right)
        case FunctionExtension():
            for each in expression.args:
                _watch_within(each)
        case FilterQuery():
            _watch(expression.query, in_filter=True)


@lru_cache(maxsize=256)
def compiled_schema(schema: str) -> Any:
    """A validator that reads no other address and whose patterns take linear time."""
    try:
        return jsonschema_rs.validator_for(
            json.loads(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, TypeError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise BadAssertion(f"The JSON Schema is not valid: {shown(str(error).splitlines()[0])}") from None


# --- As lines of text, for forms ---------------------------------------------------------------------------

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
