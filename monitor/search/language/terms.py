"""What a search is made of: terms, each a field and a value, with its place in the text it was read from."""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as member
from datetime import datetime, timedelta
from enum import StrEnum


class Field(StrEnum):
    """By the name that is written. TEXT has none: it is what stands in quotes."""

    STATUS = "status"
    METHOD = "method"
    PATH = "path"
    LATENCY = "latency"
    CONSUMER = "consumer"
    TAG = "tag"
    ENVIRONMENT = "env"
    TRACE = "trace"
    SPAN = "span"
    ERROR = "error"
    SERVICE = "service"
    ENDPOINT = "endpoint"
    SINCE = "since"
    UNTIL = "until"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exactly:
    """This text and no other."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Holds:
    """This text anywhere within, in any case."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Like:
    """All of it, in any case; `*` stands for any text, also none."""

    pattern: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """`operator` is one of = > >= < <=. Latencies are in milliseconds."""

    operator: str
    number: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Between:
    """Both ends included."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusClass:
    """The hundred of a status: 5 for 500 to 599."""

    hundred: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """Nothing was reported."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    is_set: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Ago:
    """That long before now."""

    length: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class At:
    """A moment in UTC."""

    moment: datetime


Value = Exactly | Holds | Like | Compared | Between | StatusClass | Missing | Flag | Ago | At


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """`start` and `end` are its place in the text, as a slice; they make no difference to what it means."""

    field: Field
    value: Value
    negated: bool = False
    start: int = member(default=0, compare=False)
    end: int = member(default=0, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    terms: tuple[Term, ...] = ()

    def of(self, *fields: Field) -> list[Term]:
        return [term for term in self.terms if term.field in fields]

    def moment(self, name: Field, *, now: datetime) -> datetime | None:
        """The end of the window that SINCE or UNTIL sets; of several the one that narrows most."""
        moments = list(self._moments(name, now=now))
        if not moments:
            return None
        return max(moments) if name == Field.SINCE else min(moments)

    def _moments(self, name: Field, *, now: datetime) -> Iterable[datetime]:
        for term in self.of(name):
            if isinstance(term.value, At):
                yield term.value.moment
            elif isinstance(term.value, Ago):
                yield now - term.value.length


class BadQuery(ValueError):
    """A text that is no search. `start` and `end` are the place of the token at fault, as a slice.

    `suggestion` is what may have been meant in place of that slice; None where nothing comes near.
    """

    def __init__(self, message: str, *, start: int, end: int, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.suggestion = suggestion
