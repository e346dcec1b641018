"""The language of searches: `status:5xx path:/users/* latency:>500 -env:test "card declined" since:1h`.

`parse` reads a text into terms, `write` gives the text that says the same in the normal way. Nothing here
knows the database; monitor.search.clauses turns terms into conditions. The reader's manual: docs/search.md.
"""

from collections.abc import Mapping

from monitor.search.language.terms import (
    Ago,
    At,
    BadQuery,
    Between,
    Compared,
    Exactly,
    Field,
    Flag,
    Holds,
    Like,
    Missing,
    Query,
    StatusClass,
    Term,
    Value,
)
from monitor.search.language.tokens import Token, cut, quote
from monitor.search.language.values import BadValue, close_to, read_value, write_value

__all__ = [
    "MAX_CHARS",
    "MAX_TERMS",
    "Ago",
    "At",
    "BadQuery",
    "Between",
    "Compared",
    "Exactly",
    "Field",
    "Flag",
    "Holds",
    "Like",
    "Missing",
    "Query",
    "StatusClass",
    "Term",
    "Value",
    "parse",
    "write",
    "write_term",
]

MAX_CHARS = 2000
# Each term is a condition that the planner weighs.
MAX_TERMS = 40
# Other names for the same: the API's parameters, and words that people try.
ALIASES: Mapping[str, Field] = {
    **{field.value: field for field in Field if field != Field.TEXT},
    "status_code": Field.STATUS,
    "status_class": Field.STATUS,
    "latency_ms": Field.LATENCY,
    "duration": Field.LATENCY,
    "environment": Field.ENVIRONMENT,
    "trace_id": Field.TRACE,
    "span_id": Field.SPAN,
    "has_error": Field.ERROR,
    "route": Field.ENDPOINT,
    "tags": Field.TAG,
}
ENDS_OF_WINDOW = (Field.SINCE, Field.UNTIL)


def parse(text: str) -> Query:
    """The terms of a search, in order. Raises BadQuery, which points at the token at fault."""
    if len(text) > MAX_CHARS:
        raise BadQuery(f"A search has at most {MAX_CHARS} characters.", start=MAX_CHARS, end=len(text))
    terms: list[Term] = []
    for token in cut(text):
        if len(terms) == MAX_TERMS:
            raise BadQuery(f"A search has at most {MAX_TERMS} terms.", start=token.start, end=len(text))
        terms.append(read_term(token))
    return Query(terms=tuple(terms))


def read_term(token: Token) -> Term:
    field = field_of(token)
    if token.negated and field in ENDS_OF_WINDOW:
        other = Field.UNTIL if field == Field.SINCE else Field.SINCE
        raise BadQuery(
            f"A window cannot be excluded; use {other.value}: for what lies on the other side.",
            start=token.start,
            end=token.end,
        )
    try:
        value = read_value(field, token.text, is_quoted=token.is_quoted)
    except BadValue as bad:
        # An empty value has no place of its own: the whole token is at fault.
        start = token.value_start if token.end > token.value_start else token.start
        raise BadQuery(str(bad), start=start, end=token.end, suggestion=bad.suggestion) from None
    return Term(field=field, value=value, negated=token.negated, start=token.start, end=token.end)


def field_of(token: Token) -> Field:
    """The field that is named; without a name, quotes search texts and a bare word searches paths."""
    if token.name is not None:
        field = ALIASES.get(token.name.lower())
        if field is None:
            raise unknown_field(token, token.name)
        return field
    if token.is_quoted:
        if not token.text:
            raise BadQuery("There is nothing between these quotes.", start=token.start, end=token.end)
        return Field.TEXT
    if not token.text:
        raise BadQuery("There is nothing after this minus.", start=token.start, end=token.end)
    return Field.PATH


def unknown_field(token: Token, name: str) -> BadQuery:
    start = token.start + token.negated
    near = close_to(name.lower(), tuple(ALIASES))
    return BadQuery(
        f"There is no field “{name}”."
        + ("" if near else ' To search for a colon, use path:"…" or put the words in quotes.'),
        start=start,
        end=start + len(name),
        suggestion=ALIASES[near].value if near else None,
    )


def write(query: Query) -> str:
    """The search in normal form: `parse` reads it as the same terms."""
    return " ".join(write_term(term) for term in query.terms)


def write_term(term: Term) -> str:
    minus = "-" if term.negated else ""
    if term.field == Field.TEXT and isinstance(term.value, Holds):
        return minus + quote(term.value.text)
    return f"{minus}{term.field.value}:{write_value(term.value)}"
