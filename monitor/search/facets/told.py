"""What of a search the rollups can tell, and the search as a test of their parts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeGuard
from uuid import UUID

from monitor.metrics.breakdown import Part
from monitor.models.metrics import Family
from monitor.search.clauses import EITHER, LOOKUPS, ids_named, narrows
from monitor.search.filters import LogFilter
from monitor.search.language import (
    Between,
    Compared,
    Exactly,
    Field,
    Missing,
    StatusClass,
    Term,
    Value,
)

Test = Callable[[Part], bool]
# What every family tells; the first two without looking at methods and statuses.
PLACE = frozenset({Field.SERVICE, Field.ENVIRONMENT})
ANSWER = frozenset({Field.METHOD, Field.STATUS})
SUBJECTS = {Field.ENDPOINT: Family.ENDPOINT, Field.CONSUMER: Family.CONSUMER}
WINDOW = frozenset({Field.SINCE, Field.UNTIL})


class Condition(NamedTuple):
    field: Field
    test: Test


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """Takes the parts whose attribute of this name is one of the values."""

    name: str
    values: frozenset[object]

    def __call__(self, part: Part) -> bool:
        return getattr(part, self.name) in self.values


@dataclass(frozen=True, kw_only=True)
class Told:
    """A search that rollups can tell. `fields` are those it speaks of; `conditions` must all hold."""

    fields: frozenset[Field]
    conditions: tuple[Condition, ...]

    def family_for(self, field: Field) -> Family | None:
        """The family that counts this field's values under the search; None where only the logs can."""
        subjects = (self.fields | {field}) & SUBJECTS.keys()
        if field != Field.TAG and len(subjects) <= 1:
            return next((SUBJECTS[each] for each in subjects), Family.ANSWER)
        return None

    def needs_answers(self, fields: Iterable[Field]) -> bool:
        """Whether method and status matter, to the search or to what is counted."""
        return bool((self.fields | set(fields)) & ANSWER)

    def takes(self, family: Family, part: Part) -> bool:
        return all(condition.test(part) for condition in self.conditions)

    @property
    def subjects(self) -> frozenset[str] | None:
        """The endpoints or consumers that the search names; None where it names none, or only excludes."""
        named = [each.test.values for each in self.conditions if names_subjects(each.test)]
        return frozenset(map(str, frozenset.intersection(*named))) if named else None


def told_by_rollups(asked: LogFilter) -> Told | None:
    """The search of a valid filter, if rollups tell apart everything that it speaks of."""
    if asked.phrases:
        return None
    given = asked.form.cleaned_data
    conditions: list[Condition] = []
    if given.get("service_id"):
        conditions.append(Condition(Field.SERVICE, one_of("service_id", [given["service_id"]])))
    if given.get("endpoint_id"):
        conditions.append(Condition(Field.ENDPOINT, one_of("subject", [str(given["endpoint_id"])])))
    fields = {condition.field for condition in conditions}
    for terms in asked.terms:
        relevant = [term for term in terms if term.field not in WINDOW]
        fields |= {term.field for term in relevant}
        if not fields <= PLACE | ANSWER | SUBJECTS.keys() or len(fields & SUBJECTS.keys()) > 1:
            return None
        conditions += conditions_of(relevant)
    if given.get("mode"):
        conditions.append(Condition(Field.ENVIRONMENT, one_of("mode", [given["mode"]])))
    return Told(fields=frozenset(fields), conditions=tuple(conditions))


def conditions_of(terms: Iterable[Term]) -> list[Condition]:
    """As monitor.search.clauses.narrowed has it for logs: any of several values of a field, else all."""
    either: dict[Field, list[Test]] = {}
    conditions: list[Condition] = []
    for term in terms:
        test = test_of(term.field, term.value)
        if term.negated:
            conditions.append(Condition(term.field, negated(test)))
        elif term.field in EITHER and not narrows(term.value):
            either.setdefault(term.field, []).append(test)
        else:
            conditions.append(Condition(term.field, test))
    return conditions + [Condition(field, any_of(tests)) for field, tests in either.items()]


def negated(test: Test) -> Test:
    return lambda part: not test(part)


def any_of(tests: list[Test]) -> Test:
    if all(names_subjects(test) for test in tests):
        return one_of("subject", frozenset().union(*(test.values for test in tests if names_subjects(test))))
    return lambda part: any(test(part) for test in tests)


def one_of(name: str, values: Iterable[object]) -> OneOf:
    return OneOf(name=name, values=frozenset(values))


def names_subjects(test: Test) -> TypeGuard[OneOf]:
    return isinstance(test, OneOf) and test.name == "subject"


def test_of(field: Field, value: Value) -> Test:
    if field == Field.STATUS:
        return lambda part: takes_status(value, part.status_code)
    if not isinstance(value, Exactly):
        raise TypeError(f"{field} takes no {value}.")
    if field == Field.METHOD:
        return one_of("method", [value.text.upper()])
    if field == Field.ENVIRONMENT:
        return one_of("environment", [value.text])
    ids: list[UUID] = ids_named(field, value.text)
    return one_of("service_id", ids) if field == Field.SERVICE else one_of("subject", map(str, ids))


def takes_status(value: Value, status_code: int | None) -> bool:
    """What lacks a status is found by `none` alone."""
    if status_code is None or isinstance(value, Missing):
        return status_code is None and isinstance(value, Missing)
    match value:
        case StatusClass(hundred=hundred):
            return status_code // 100 == hundred
        case Between(low=low, high=high):
            return low <= status_code <= high
        case Compared(operator=operator, number=number):
            return COMPARE[LOOKUPS[operator]](status_code, number)
    raise TypeError(f"A status takes no {value}.")


COMPARE: dict[str, Callable[[float, float], bool]] = {
    "exact": lambda left, right: left == right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}
