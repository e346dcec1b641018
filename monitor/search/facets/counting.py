"""Facets: the values of what a search finds, with counts. Exact from rollups, or honest about how far."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from monitor.lib.estimates import estimated_rows
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.metrics import tiles
from monitor.metrics.breakdown import SUBJECT_COLUMNS, Breakdown, Part, Parts
from monitor.models import Service, StorageEvent
from monitor.models.metrics import Family
from monitor.models.storage import StorageEventKind
from monitor.search.facets.sample import count_newest
from monitor.search.facets.told import Told, told_by_rollups
from monitor.search.facets.values import FacetValue, named_values
from monitor.search.filters import LogFilter
from monitor.search.finding import Search
from monitor.search.language import Field
from monitor.search.window import AHEAD, Window

FIELDS = (
    Field.STATUS,
    Field.SERVICE,
    Field.METHOD,
    Field.ENDPOINT,
    Field.CONSUMER,
    Field.ENVIRONMENT,
    Field.TAG,
)
# Logs that are counted one by one where rollups do not reach: at the ends of a window, and before whole days.
MAX_EDGE_LOGS = 100_000
LIMIT = timedelta(milliseconds=700)
REMOVED = (StorageEventKind.DROPPED, StorageEventKind.REWRITTEN, StorageEventKind.TRIMMED)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What was counted: everything, or the newest `logs` that match, back to `reached`."""

    is_complete: bool
    logs: int
    reached: datetime


@dataclass(frozen=True, kw_only=True)
class Facet:
    """`values` are the most frequent; `more` are left out. `missing` logs have no value."""

    field: Field
    values: Sequence[FacetValue]
    more: int
    missing: int
    coverage: Coverage

    @property
    def most(self) -> int:
        return max((value.count for value in self.values), default=0)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A search as facets need it: a valid filter whose queryset holds the logs of `services`."""

    filter: LogFilter
    services: Sequence[Service]
    now: datetime

    @property
    def window(self) -> Window:
        return self.filter.window(now=self.now)

    @property
    def search(self) -> Search:
        return Search(logs=self.filter.qs, window=self.window, phrases=self.filter.phrases)


def count_facets(asking: Asking, *, fields: Sequence[Field] = FIELDS, limit: int) -> list[Facet]:
    """A facet for each of the fields, with at most `limit` values."""
    tallies, logs = from_rollups(asking, fields)
    rest = [field for field in fields if field not in tallies]
    sample = count_newest(asking.search, rest) if rest else None
    facets = []
    for field in fields:
        if sample is not None and field in sample.tallies:
            missing = sample.without_tags if field == Field.TAG else 0
            coverage = Coverage(is_complete=sample.is_complete, logs=sample.logs, reached=sample.reached)
            facets.append(facet_of(field, sample.tallies[field], missing, coverage, asking, limit))
        else:
            coverage = Coverage(is_complete=True, logs=logs, reached=asking.window.since)
            facets.append(facet_of(field, tallies[field], 0, coverage, asking, limit))
    return facets


def facet_of(
    field: Field, tally: Counter[str], missing: int, coverage: Coverage, asking: Asking, limit: int
) -> Facet:
    values, unnamed = named_values(field, tally, services=asking.services)
    return Facet(
        field=field,
        values=values[:limit],
        more=max(len(values) - limit, 0),
        missing=missing + unnamed,
        coverage=coverage,
    )


# --- From rollups ------------------------------------------------------------------------------------------


def from_rollups(asking: Asking, fields: Sequence[Field]) -> tuple[dict[Field, Counter[str]], int]:
    """The fields that rollups can count, value by value, and how many logs there are; else nothing."""
    told = told_by_rollups(asking.filter)
    if told is None:
        return {}, 0
    families = {field: family for field in fields if (family := told.family_for(field)) is not None}
    wanted = list(dict.fromkeys(families.values()))
    breakdown = breakdown_of(asking, told)
    if not wanted or not is_quick(breakdown, wanted):
        return {}, 0
    # The endpoint and the consumer family are unpacked only where something needs their answers.
    needed = {field for field, family in families.items() if family in SUBJECT_COLUMNS}
    try:
        with time_limit(LIMIT, workers=False):
            parts = breakdown.count(wanted, with_answers=told.needs_answers(needed))
    except TookTooLong:
        return {}, 0
    tallies = {field: tally_of(field, parts[family]) for field, family in families.items()}
    return tallies, sum(parts[wanted[0]].values())


def breakdown_of(asking: Asking, told: Told) -> Breakdown:
    window = asking.window
    until = window.until
    if until >= asking.now + AHEAD:
        # Nothing lies beyond, so no edge is needed to cut the last minute.
        until = tiles.ceiling(until, timedelta(minutes=1))
    return Breakdown(
        service_ids=[service.id for service in asking.services],
        since=milliseconds(window.since),
        until=milliseconds(until),
        whole_from=whole_from(asking.services, now=asking.now),
        now=asking.now,
        logs=asking.filter.qs,
        takes=told.takes,
        subjects=told.subjects,
    )


def milliseconds(moment: datetime) -> datetime:
    """As ids have it."""
    return tiles.floor(moment.astimezone(UTC), timedelta(milliseconds=1))


def whole_from(services: Iterable[Service], *, now: datetime) -> datetime:
    """The moment from which on every log that the rollups count is still there: rollups outlive logs, and a
    facet must not count what the list beside it cannot show."""
    today = now.astimezone(UTC).date()
    days = [service.retention.oldest_day(today, failed=False) for service in services]
    touched = (
        StorageEvent.objects.filter(kind__in=REMOVED).order_by("-day").values_list("day", flat=True).first()
    )
    if touched is not None:
        days.append(touched + timedelta(days=1))
    return datetime.combine(max(days, default=today), time.min, tzinfo=UTC)


def is_quick(breakdown: Breakdown, families: Iterable[Family], *, step: timedelta | None = None) -> bool:
    """Whether few enough logs have to be read one by one beside the rollups."""
    return all(
        sum(estimated_rows(breakdown.logs.within(edge.since, edge.until)) for edge in plan.edges)
        <= MAX_EDGE_LOGS
        for plan in (breakdown.plan(family, step) for family in families)
    )


def tally_of(field: Field, parts: Parts) -> Counter[str]:
    counted: Counter[str] = Counter()
    for part, count in parts.items():
        counted[value_in(field, part)] += count
    return counted


def value_in(field: Field, part: Part) -> str:
    """The field's value as text, as Sample has them."""
    if field == Field.STATUS:
        return "" if part.status_code is None else str(part.status_code)
    return str(getattr(part, ATTRIBUTES[field]))


ATTRIBUTES: Mapping[Field, str] = {
    Field.SERVICE: "service_id",
    Field.METHOD: "method",
    Field.ENDPOINT: "subject",
    Field.CONSUMER: "subject",
    Field.ENVIRONMENT: "environment",
}
