"""The rail beside the log table: facets, with what a click on each value leads to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict

from monitor.lib.addresses import address_with
from monitor.lib.addresses import address_without as without_name
from monitor.search.facets.counting import Facet
from monitor.search.facets.values import FacetValue
from monitor.search.language import MAX_CHARS, MAX_TERMS, BadQuery, Field, Term, parse

WORDS = {
    Field.STATUS: "Status",
    Field.SERVICE: "Service",
    Field.METHOD: "Method",
    Field.ENDPOINT: "Endpoint",
    Field.CONSUMER: "Consumer",
    Field.ENVIRONMENT: "Environment",
    Field.TAG: "Tag",
}
# A rail is of one moment; whoever clicks in it looks into something.
NOT_IN_ADDRESS = {"live": None}


@dataclass(frozen=True, kw_only=True)
class RailValue:
    """`only` and `without` are addresses, None where the search would become too long. `is_only` values are
    asked for already; their `only` takes that back. `share` is of the most frequent value, for the bar."""

    value: FacetValue
    share: float
    is_only: bool
    only: str | None
    without: str | None


@dataclass(frozen=True, kw_only=True)
class RailFacet:
    facet: Facet
    words: str
    values: Sequence[RailValue]


def rail_of(facets: Sequence[Facet], query: QueryDict) -> list[RailFacet]:
    return [
        RailFacet(
            facet=facet,
            words=WORDS[facet.field],
            values=[rail_value(value, facet.most, query) for value in facet.values],
        )
        for facet in facets
        if facet.values
    ]


def rail_value(value: FacetValue, most: int, query: QueryDict) -> RailValue:
    taken_back = address_without(value, query)
    return RailValue(
        value=value,
        share=value.count / most,
        is_only=taken_back is not None,
        only=taken_back or address_of_only(value, query),
        without=with_search(query, value.without),
    )


def address_of_only(value: FacetValue, query: QueryDict) -> str | None:
    if value.parameter is None:
        return with_search(query, value.only)
    name, text = value.parameter
    # A code within the class would still narrow to that code.
    cleared = {"status_code": None} if name == "status_class" else {}
    return address_with(query, {**NOT_IN_ADDRESS, **cleared, name: text})


def address_without(value: FacetValue, query: QueryDict) -> str | None:
    """The address that no longer asks for this value alone; None if it does not now."""
    if value.parameter is not None:
        name, text = value.parameter
        if query.get(name, "").casefold() == text.casefold():
            # Where it was picked for all pages, only an empty value says that it is to be all.
            return without_name(QueryDict(address_with(query, NOT_IN_ADDRESS)[1:]), name)
    q = query.get("q", "")
    found = [term for term in terms_in(q) if term in value.terms]
    if not found:
        return None
    for term in reversed(found):
        q = q[: term.start] + q[term.end :]
    return address_with(query, {**NOT_IN_ADDRESS, "q": " ".join(q.split())})


def with_search(query: QueryDict, more: str) -> str | None:
    """The address whose search says `more`; None where that would be more than a search may say."""
    q = query.get("q", "")
    added = f"{q} {more}".strip()
    if len(added) > MAX_CHARS or len(terms_in(q)) + len(terms_in(more)) > MAX_TERMS:
        return None
    return address_with(query, {**NOT_IN_ADDRESS, "q": added})


def terms_in(q: str) -> Sequence[Term]:
    try:
        return parse(q).terms
    except BadQuery:
        return ()
