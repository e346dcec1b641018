"""The values of a facet as people and searches name them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from monitor.models import Consumer, Endpoint, Service
from monitor.search.language import Between, Exactly, Field, Missing, StatusClass, Term, write_term

# Status codes that have no class, and what asks for them.
OTHER_STATUS = "other"
OTHER_RANGES = (Between(low=0, high=99), Between(low=600, high=999))


@dataclass(frozen=True, kw_only=True)
class FacetValue:
    """`value` is what the search language takes for the field; `name` is for people.

    `terms` ask for exactly this. `parameter` does the same as a parameter of the log search, where one can.
    """

    value: str
    name: str
    count: int
    terms: tuple[Term, ...]
    parameter: tuple[str, str] | None = None

    @property
    def only(self) -> str:
        """The search for this alone, to be added to another."""
        return " ".join(write_term(term) for term in self.terms)

    @property
    def without(self) -> str:
        """The search for all but this."""
        return " ".join(f"-{write_term(term)}" for term in self.terms)


Named = Callable[[Counter[str], Sequence[Service]], list[FacetValue]]


def named_values(
    field: Field, tally: Counter[str], *, services: Sequence[Service]
) -> tuple[list[FacetValue], int]:
    """The values, the most frequent first, and how many logs have none."""
    if field == Field.STATUS:
        return statuses(tally), 0
    missing = tally.pop("", 0)
    values = NAMED.get(field, as_they_are(field))(tally, services)
    return sorted(values, key=lambda value: (-value.count, value.name)), missing


def statuses(tally: Counter[str]) -> list[FacetValue]:
    """Classes in their order, so that errors stand in the same place on every page."""
    classes: Counter[str] = Counter()
    for code, count in tally.items():
        classes[class_of(code)] += count
    return [
        FacetValue(
            value=name,
            name="no answer" if name == "none" else name,
            count=classes[name],
            terms=STATUS_TERMS[name],
            parameter=("status_class", name) if name.endswith("xx") else None,
        )
        for name in STATUS_TERMS
        if classes[name]
    ]


def class_of(code: str) -> str:
    if not code:
        return "none"
    return f"{code[0]}xx" if len(code) == 3 and code[0] in "12345" else OTHER_STATUS


STATUS_TERMS: Mapping[str, tuple[Term, ...]] = {
    **{
        f"{hundred}xx": (Term(field=Field.STATUS, value=StatusClass(hundred=hundred)),)
        for hundred in range(1, 6)
    },
    "none": (Term(field=Field.STATUS, value=Missing()),),
    OTHER_STATUS: tuple(Term(field=Field.STATUS, value=each) for each in OTHER_RANGES),
}


def exactly(field: Field, text: str) -> tuple[Term, ...]:
    return (Term(field=field, value=Exactly(text=text)),)


def as_they_are(field: Field) -> Named:
    parameter = {Field.ENVIRONMENT: "environment"}.get(field, field.value)

    def named(tally: Counter[str], services: Sequence[Service]) -> list[FacetValue]:
        return [
            FacetValue(
                value=value,
                name=value,
                count=count,
                terms=exactly(field, value),
                parameter=(parameter, value),
            )
            for value, count in tally.items()
        ]

    return named


def named_services(tally: Counter[str], services: Sequence[Service]) -> list[FacetValue]:
    return [
        FacetValue(
            value=service.name,
            name=service.name,
            count=tally[str(service.id)],
            terms=exactly(Field.SERVICE, service.name),
            parameter=("service_id", str(service.id)),
        )
        for service in services
        if tally[str(service.id)]
    ]


def named_endpoints(tally: Counter[str], services: Sequence[Service]) -> list[FacetValue]:
    """By method and route: an endpoint that several services have is one value, as it is one in a search."""
    found = Endpoint.objects.filter(id__in=map(UUID, tally)).values_list("id", "method", "route")
    counts: Counter[str] = Counter()
    ids: dict[str, list[str]] = {}
    for id_, method, route in found:
        name = f"{method} {route}"
        counts[name] += tally[str(id_)]
        ids.setdefault(name, []).append(str(id_))
    return [
        FacetValue(
            value=name,
            name=name,
            count=count,
            terms=exactly(Field.ENDPOINT, name),
            parameter=("endpoint_id", ids[name][0]) if len(ids[name]) == 1 else None,
        )
        for name, count in counts.items()
    ]


def named_consumers(tally: Counter[str], services: Sequence[Service]) -> list[FacetValue]:
    """By identifier, which may mean a consumer in each organization."""
    found = Consumer.objects.filter(id__in=map(UUID, tally)).values_list("id", "identifier", "name")
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for id_, identifier, name in found:
        counts[identifier] += tally[str(id_)]
        names[identifier] = name or identifier
    return [
        FacetValue(
            value=identifier,
            name=names[identifier],
            count=count,
            terms=exactly(Field.CONSUMER, identifier),
            parameter=("consumer", identifier),
        )
        for identifier, count in counts.items()
    ]


NAMED: Mapping[Field, Named] = {
    Field.SERVICE: named_services,
    Field.ENDPOINT: named_endpoints,
    Field.CONSUMER: named_consumers,
}
