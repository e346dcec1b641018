"""What a term means in the database. The parameters of the log search and its language both come here."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.lookups import PatternLookup

from monitor.lib.span_ids import span_number
from monitor.models import Consumer, Endpoint, Service
from monitor.models.logs import RequestLogQuerySet
from monitor.search.language import (
    Between,
    Compared,
    Exactly,
    Field,
    Flag,
    Holds,
    Like,
    Missing,
    StatusClass,
    Term,
    Value,
)

LOOKUPS = {"=": "exact", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
# A log has one of each, so that two values of one field can only mean either. All else narrows.
EITHER = frozenset(
    {
        Field.STATUS,
        Field.METHOD,
        Field.CONSUMER,
        Field.ENVIRONMENT,
        Field.TRACE,
        Field.SPAN,
        Field.SERVICE,
        Field.ENDPOINT,
    }
)


class TextPattern(PatternLookup):
    """`column ILIKE pattern`.

    Django's icontains compares UPPER() of both sides, which a trigram index on the column cannot serve.
    """

    prepare_rhs = False

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"ILIKE {rhs}"

    def process_rhs(self, qn: Any, connection: Any) -> tuple[str, tuple[str, ...]]:
        return "%s", (self.pattern(str(self.rhs)),)

    def pattern(self, text: str) -> str:
        raise NotImplementedError


@TextField.register_lookup
class HoldsText(TextPattern):
    lookup_name = "holds"

    def pattern(self, text: str) -> str:
        return f"%{literally(text)}%"


@TextField.register_lookup
class IsLike(TextPattern):
    lookup_name = "is_like"

    def pattern(self, text: str) -> str:
        return literally(text).replace("*", "%")


def literally(text: str) -> str:
    """The text with the wildcards of ILIKE taken as they stand."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def narrowed(logs: RequestLogQuerySet, terms: Iterable[Term]) -> RequestLogQuerySet:
    """The logs for which all terms hold; of several values of one field that a log has once, any.

    Leaves out the window and quoted text, which are no matter of the row's columns.
    """
    either: dict[Field, Q] = defaultdict(Q)
    for term in terms:
        if term.field not in CLAUSES:
            continue
        clause = clause_of(term.field, term.value)
        if term.negated:
            logs = logs.filter(~clause)
        elif term.field in EITHER and not narrows(term.value):
            either[term.field] |= clause
        else:
            logs = logs.filter(clause)
    for clause in either.values():
        logs = logs.filter(clause)
    return logs


def narrows(value: Value) -> bool:
    """Whether the value is one side of a range, as `>=400` is, which another may close."""
    return isinstance(value, Compared) and value.operator != "="


def clause_of(field: Field, value: Value) -> Q:
    return CLAUSES[field](value)


def number(column: str) -> Callable[[Any], Q]:
    def clause(value: Value) -> Q:
        match value:
            case Compared(operator=operator, number=number):
                return Q((f"{column}__{LOOKUPS[operator]}", number))
            case Between(low=low, high=high):
                return Q((f"{column}__gte", low), (f"{column}__lte", high))
            case StatusClass(hundred=hundred):
                return Q((f"{column}__gte", hundred * 100), (f"{column}__lt", hundred * 100 + 100))
            case Missing():
                return Q((f"{column}__isnull", True))
        raise TypeError(f"{column} takes no {value}.")

    return clause


def path(value: Like | Holds) -> Q:
    return Q(path__is_like=value.pattern) if isinstance(value, Like) else Q(path__holds=value.text)


def method(value: Exactly) -> Q:
    return Q(method=value.text.upper())


def tag(value: Exactly) -> Q:
    # The index leaves logs without tags out; only the second condition tells the planner that it may use it.
    return Q(tags__contains=[value.text]) & ~Q(tags=[])


def error(value: Flag) -> Q:
    return Q(error__isnull=not value.is_set)


def consumer(value: Exactly) -> Q:
    return any_of("consumer_id", ids_named(Field.CONSUMER, value.text))


def service(value: Exactly) -> Q:
    return any_of("service_id", ids_named(Field.SERVICE, value.text))


def endpoint(value: Exactly) -> Q:
    return any_of("endpoint_id", ids_named(Field.ENDPOINT, value.text))


def ids_named(field: Field, text: str) -> list[UUID]:
    """The ids that this text means. An endpoint is named by its route, `/orders/{id}`, or by its method and
    route, `GET /orders/{id}`."""
    if field == Field.CONSUMER:
        return list(Consumer.objects.filter(identifier=text).values_list("id", flat=True))
    if field == Field.SERVICE:
        return list(Service.objects.alive().filter(name=text).values_list("id", flat=True))
    method, _, route = text.partition(" ")
    named = Endpoint.objects.filter(Q(route=text) | Q(method=method.upper(), route=route))
    # One that was merged is a name of another, whose logs are meant.
    pairs = named.values_list("merged_into_id", "id")
    return list(dict.fromkeys(id_ for pair in pairs for id_ in pair if id_ is not None))


def any_of(column: str, found: Iterable[UUID]) -> Q:
    """Looked up first and written as literal ids: with a join the planner cannot tell a rare value from a
    common one, and one id alone walks its index in order."""
    ids = list(found)
    return Q((column, ids[0])) if len(ids) == 1 else Q((f"{column}__in", ids))


CLAUSES: Mapping[Field, Callable[[Any], Q]] = {
    Field.STATUS: number("status_code"),
    Field.LATENCY: number("latency_ms"),
    Field.METHOD: method,
    Field.PATH: path,
    Field.TAG: tag,
    Field.ERROR: error,
    Field.ENVIRONMENT: lambda value: Q(environment=value.text),
    Field.TRACE: lambda value: Q(trace_id=value.text),
    Field.SPAN: lambda value: Q(span_id=span_number(value.text)),
    Field.CONSUMER: consumer,
    Field.SERVICE: service,
    Field.ENDPOINT: endpoint,
}
