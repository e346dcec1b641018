"""The log search: one FilterSet for the API and the pages, so that they agree.

Its parameters are terms of the search language spelled out; `q` holds a whole search. All go the same way:
see monitor.search.clauses.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django_filters import utils
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError

from monitor.api.errors import WithMembers
from monitor.lib.moments import parse_moment
from monitor.lib.span_ids import span_number
from monitor.models import RequestLog
from monitor.models.keys import Mode
from monitor.models.logs import RequestLogQuerySet
from monitor.search.clauses import narrowed
from monitor.search.language import (
    MAX_CHARS,
    BadQuery,
    Compared,
    Exactly,
    Field,
    Flag,
    Holds,
    Query,
    StatusClass,
    Term,
    Value,
    parse,
)
from monitor.search.window import Window

STATUS_CLASSES = tuple((f"{first}xx", f"{first}xx") for first in range(1, 6))
BOOLEANS = (("true", "Yes"), ("false", "No"))
# Fields whose exact values a parameter of another name takes as they are.
NAMES = {Field.METHOD: "method", Field.ENVIRONMENT: "environment", Field.CONSUMER: "consumer"}


class TermFilter(django_filters.Filter):
    """A parameter that says one term: `term` makes the term's value of what was given."""

    def __init__(self, field: Field, term: Callable[[Any], Value], **options: Any) -> None:
        super().__init__(**options)
        self.field_of_term = field
        self.value_of_term = term

    def filter(self, qs: RequestLogQuerySet, value: Any) -> RequestLogQuerySet:
        if value in django_filters.constants.EMPTY_VALUES:
            return qs
        return narrowed(qs, [Term(field=self.field_of_term, value=self.value_of_term(value))])


class TextTermFilter(TermFilter, django_filters.CharFilter):
    """A term whose value is the text as it was given."""

    def __init__(
        self, field: Field, term: Callable[[str], Value] = lambda text: Exactly(text=text), **options: Any
    ) -> None:
        super().__init__(field, term, **options)


class QueryField(forms.CharField):
    """A search in our language, as a Query. A bad one is refused with the place of its token."""

    def clean(self, value: Any) -> Query | None:
        text = super().clean(value)
        try:
            return parse(text) if text else None
        except BadQuery as bad:
            raise refused(bad) from bad


def refused(bad: BadQuery) -> forms.ValidationError:
    hint = f" Did you mean “{bad.suggestion}”?" if bad.suggestion else ""
    return forms.ValidationError(bad.message + hint, code="bad_query", params={"bad_query": bad})


@extend_schema_field({"type": "string", "maxLength": MAX_CHARS})
class QueryFilter(django_filters.Filter):
    field_class = QueryField

    def filter(self, qs: RequestLogQuerySet, value: Query | None) -> RequestLogQuerySet:
        return narrowed(qs, value.terms) if value else qs


class MomentField(forms.CharField):
    """An RFC 3339 moment or Unix seconds."""

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_moment(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


@extend_schema_field({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}]})
class MomentFilter(django_filters.Filter):
    field_class = MomentField


class FlagField(django_filters.fields.ChoiceField):
    """`true` or `false` in any case: Python's clients write True."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()


class FlagFilter(TermFilter, django_filters.ChoiceFilter):
    field_class = FlagField


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": 999})
class StatusCodeFilter(TermFilter):
    field_class = forms.IntegerField


class StatusClassFilter(TermFilter, django_filters.ChoiceFilter):
    """`5xx` and its like."""


@extend_schema_field({"type": "number", "minimum": 0})
class LatencyFilter(TermFilter):
    field_class = forms.FloatField


class SpanField(forms.CharField):
    """16 hexadecimal digits, as the language takes them."""

    def clean(self, value: Any) -> str:
        text = str(super().clean(value)).strip().lower()
        if text and span_number(text) is None:
            raise forms.ValidationError("A span id is 16 hexadecimal digits, and not all zeros.")
        return text


@extend_schema_field({"type": "string", "pattern": "^[0-9A-Fa-f]{16}$"})
class SpanFilter(TermFilter):
    field_class = SpanField


class LogFilter(django_filters.FilterSet):
    """Every filter narrows; together they mean AND. Without `since` and `until`, all that is kept.

    Quoted text in `q` is a matter of payloads, which no queryset reaches: it is refused here, and
    TextLogFilter takes it for those who then read `phrases`.
    """

    takes_text = False

    q = QueryFilter(
        label="Search", max_length=MAX_CHARS, strip=False, help_text="A search, see docs/search.md."
    )
    service_id = django_filters.UUIDFilter(label="Service")
    endpoint_id = django_filters.UUIDFilter(label="Endpoint")
    method = TextTermFilter(Field.METHOD, label="Method", max_length=16)
    path = TextTermFilter(Field.PATH, lambda text: Holds(text=text), label="Path contains", max_length=2048)
    status_code = StatusCodeFilter(
        Field.STATUS,
        lambda code: Compared(operator="=", number=code),
        label="Status code",
        min_value=0,
        max_value=999,
    )
    status_class = StatusClassFilter(
        Field.STATUS,
        lambda name: StatusClass(hundred=int(name[0])),
        label="Status class",
        choices=STATUS_CLASSES,
    )
    min_latency_ms = LatencyFilter(
        Field.LATENCY, lambda ms: Compared(operator=">=", number=ms), label="Latency from (ms)", min_value=0
    )
    max_latency_ms = LatencyFilter(
        Field.LATENCY, lambda ms: Compared(operator="<=", number=ms), label="Latency to (ms)", min_value=0
    )
    has_error = FlagFilter(
        Field.ERROR, lambda word: Flag(is_set=word == "true"), label="Has error text", choices=BOOLEANS
    )
    tag = TextTermFilter(Field.TAG, label="Tag", max_length=128)
    environment = TextTermFilter(Field.ENVIRONMENT, label="Environment", max_length=64)
    mode = django_filters.ChoiceFilter(label="Mode", choices=Mode)
    consumer = TextTermFilter(Field.CONSUMER, label="Consumer", max_length=128)
    trace_id = TextTermFilter(Field.TRACE, label="Trace id", max_length=64)
    span_id = SpanFilter(Field.SPAN, lambda text: Exactly(text=text), label="Span id")
    since = MomentFilter(method="in_window", label="Since")
    until = MomentFilter(method="in_window", label="Until")

    class Meta:
        model = RequestLog
        fields: list[str] = []

    def is_valid(self) -> bool:
        valid = bool(super().is_valid())
        if valid and self.phrases and not self.takes_text:
            term = self.phrases[0]
            message = "Quoted text can be searched for, but not measured: take it out."
            self.form.add_error("q", refused(BadQuery(message, start=term.start, end=term.end)))
            return False
        return valid

    @property
    def asked(self) -> Query:
        """The search in `q`. Only after `is_valid()`, as all below."""
        return self.form.cleaned_data.get("q") or Query()

    @property
    def phrases(self) -> list[Term]:
        """The quoted texts, which filter_queryset leaves out."""
        return self.asked.of(Field.TEXT)

    @property
    def bad_query(self) -> BadQuery | None:
        """Why `q` cannot be used, after a validation that failed."""
        for error in self.form.errors.as_data().get("q", ()):
            if error.code == "bad_query" and error.params:
                bad: BadQuery = error.params["bad_query"]
                return bad
        return None

    def filter_queryset(self, queryset: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
        window = self.window()
        filtered: RequestLogQuerySet = super().filter_queryset(queryset)
        return filtered.within(window.since, window.until)

    def window(self, *, now: datetime | None = None) -> Window:
        """The window that was asked for, within what can be there."""
        now = now or timezone.now()
        return Window.of(*self.ends(now=now), now=now)

    def ends(self, *, now: datetime) -> tuple[datetime | None, datetime | None]:
        """`since` and `until` as parameters and `q` give them: what lies within both."""
        given = self.form.cleaned_data
        sinces = [given.get("since"), self.asked.moment(Field.SINCE, now=now)]
        untils = [given.get("until"), self.asked.moment(Field.UNTIL, now=now)]
        return (
            max((each for each in sinces if each), default=None),
            min((each for each in untils if each), default=None),
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that are set, by name, cleaned, beside the window.

        The terms of `q` are among them as parameters, if each says what a parameter of its own could say;
        otherwise `q` stands for itself.
        """
        given = {name: value for name, value in self.form.cleaned_data.items() if value not in (None, "")}
        for name in ("since", "until"):
            given.pop(name, None)
        spelled = spelled_out(given.get("q") or Query())
        if spelled is None or spelled.keys() & given.keys():
            return given
        given.pop("q", None)
        return given | spelled

    @property
    def terms(self) -> list[list[Term]]:
        """What is asked for in terms, beside the window, `mode` and the filters by id: those of `q`, and each
        parameter by itself. All of the lists must hold."""
        given = self.form.cleaned_data
        spelled = [
            [Term(field=each.field_of_term, value=each.value_of_term(given[name]))]
            for name, each in self.filters.items()
            if isinstance(each, TermFilter) and given.get(name) not in django_filters.constants.EMPTY_VALUES
        ]
        return [list(self.asked.terms), *spelled]

    def in_window(self, queryset: QuerySet[RequestLog], name: str, value: datetime) -> QuerySet[RequestLog]:
        """Both ends are taken together, in filter_queryset."""
        return queryset


def spelled_out(query: Query) -> dict[str, Any] | None:
    """The search as parameters, cleaned; None where one of its terms has none, or two share one."""
    parameters: dict[str, Any] = {}
    value: int | str
    for term in query.terms:
        if term.field in (Field.SINCE, Field.UNTIL):
            continue
        match term:
            case Term(negated=True):
                return None
            case Term(field=Field.STATUS, value=Compared(operator="=", number=code)):
                name, value = "status_code", int(code)
            case Term(field=Field.STATUS, value=StatusClass(hundred=hundred)):
                name, value = "status_class", f"{hundred}xx"
            case Term(field=Field.METHOD | Field.ENVIRONMENT | Field.CONSUMER, value=Exactly(text=text)):
                name, value = NAMES[term.field], text
            case _:
                return None
        if name in parameters:
            return None
        parameters[name] = value
    return parameters


class TextLogFilter(LogFilter):
    """Takes quoted text too. Whoever uses it looks for `phrases` in what the queryset finds."""

    takes_text = True


class QueryRefused(WithMembers, ValidationError):
    """A filter that cannot be used; of a bad `q`, with the place of the token at fault."""


def refusal(filterset: LogFilter) -> ValidationError:
    """What the API answers to parameters that are not valid."""
    bad = filterset.bad_query
    members = {"q": {"start": bad.start, "end": bad.end, "suggestion": bad.suggestion}} if bad else {}
    return QueryRefused(utils.translate_validation(filterset.errors).detail, members=members)
