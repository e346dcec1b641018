"""Comparisons: what a value is held against, and whether it holds."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from monitor.probing.bounds import BadAssertion
from monitor.probing.patterns import compiled_pattern, searched

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
ORDERED = frozenset({"<", "<=", ">", ">="})
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def check_comparison(comparison: str, target: Any) -> None:
    """Raises BadAssertion for what could never be compared."""
    if comparison == "matches":
        compiled_pattern(str(target))
    if comparison in ORDERED and number_of(target) is None:
        raise BadAssertion(f"'{comparison}' compares with a number.")
    if comparison == "is_type" and target not in _TYPES:
        raise BadAssertion(f"A type is one of {', '.join(_TYPES)}.")


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
