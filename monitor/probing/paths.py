"""JSONPath (RFC 9535), held to the deadline of judging."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

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

from monitor.probing.bounds import BadAssertion, TooSlow, left_s
from monitor.probing.patterns import PATTERN_LIMIT_S


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
