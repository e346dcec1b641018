"""Answer a question in numbers: exactly where few logs match, from rollups where many do."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.core.exceptions import EmptyResultSet

from monitor.lib.time_limit import TookTooLong, allow_workers, time_limit
from monitor.metrics import exact
from monitor.metrics.cells import Cell
from monitor.metrics.gather import Gathered, Slot, class_of, gather
from monitor.metrics.measure import Measurement
from monitor.metrics.numbers import Numbers
from monitor.metrics.question import EVERYWHERE, GroupBy, Question
from monitor.metrics.series import Bucket, starts
from monitor.models import Consumer, Endpoint
from monitor.models.logs import RequestLogQuerySet
from monitor.models.metrics import Source

PercentileMethod = Literal["exact", "histogram"]
Told = Literal["logs", "client", "both"]
# Up to so many matching logs are read for their percentiles, which doubles the time of an answer. Beyond,
# histograms speak, true to 0.54 %.
EXACT_UP_TO = 25_000
# The same for steps and groups: to sort each of them apart takes several times as long.
PARTS_EXACT_UP_TO = 5_000
LIMIT = timedelta(seconds=8)
USUAL_RANKS = (0.5, 0.95, 0.99)


class TooMuchToCount(Exception):
    """The logs would have to be read one by one, and there are too many. The text says what to narrow."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Numbers by step and group, and where their percentiles come from. Slots without requests are absent."""

    slots: Mapping[Slot, Numbers] = field(default_factory=dict)
    p95_method: PercentileMethod = "exact"
    source: Told = "logs"
    # Groups that were left out for their few requests.
    more: int = 0
    # All slots with their latencies, where these were gathered.
    gathered: Gathered | None = None


@dataclass(frozen=True, kw_only=True)
class Group:
    """`value` is what the filter of this name takes; `label` is for people. Both empty for "none"."""

    value: str
    label: str
    numbers: Numbers


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The groups with the most requests first, and how many more there are."""

    groups: Sequence[Group]
    more: int
    p95_method: PercentileMethod
    whole: Gathered | None = None
    """The window as one slot, where the groups add up to it: see `measure_for`."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """The window's steps in order, empty ones included; the first begins at or before the window does."""

    buckets: Sequence[Bucket]
    numbers: Sequence[Numbers]
    p95_method: PercentileMethod
    whole: Gathered | None = None
    """The window as one slot, where the steps add up to it: see `measure_for`."""


def answer(
    question: Question,
    *,
    ranks: Sequence[float],
    by: GroupBy | None = None,
    step: timedelta | None = None,
    limit: int | None = None,
    exact_up_to: int | None = None,
    whole: Gathered | None = None,
    with_answers: bool = True,
) -> Answer:
    """The question in numbers. Counts are always those of the logs. Raises TooMuchToCount.

    `limit` is how many groups are needed: where others would cost much, they are left out. `exact_up_to` is
    how many logs may be read for the percentiles of the whole, EXACT_UP_TO unless given. `whole` is what
    would be gathered, where it is known already. Without `with_answers`, endpoints and consumers
    tell neither methods nor status codes.
    """
    if question.is_empty:
        return Answer()
    try:
        with time_limit(LIMIT, workers=False):
            return _answer(
                question,
                ranks=ranks,
                by=by,
                step=step,
                limit=limit,
                exact_up_to=EXACT_UP_TO if exact_up_to is None else exact_up_to,
                whole=whole,
                with_answers=with_answers,
            )
    except EmptyResultSet:
        # Filters that no log can satisfy, as a consumer that nobody is: Django asks the database nothing.
        return Answer()
    except TookTooLong as error:
        raise TooMuchToCount(what_to_narrow(question, by, step)) from error


def _answer(
    question: Question,
    *,
    ranks: Sequence[float],
    by: GroupBy | None,
    step: timedelta | None,
    limit: int | None,
    exact_up_to: int,
    whole: Gathered | None,
    with_answers: bool,
) -> Answer:
    family = question.family_for(by)
    if family is None or not (question.counted or question.plan(family, step=step).tiles):
        allow_workers()
        return Answer(slots=exact.count(in_window(question), ranks=ranks, by=by, step=step))
    # Of endpoints and consumers there are too many to merge the latencies of those that will not be shown.
    counts_alone = limit is not None and by in (GroupBy.ENDPOINT, GroupBy.CONSUMER)
    gathered = (
        gather(question, family, by=by, step=step, counts_alone=counts_alone) if whole is None else whole
    )
    source = told_by(gathered.sources)
    exactly = from_logs(question, gathered, ranks=ranks, by=by, step=step, exact_up_to=exact_up_to)
    if exactly is not None:
        return Answer(slots=exactly, gathered=None if counts_alone else gathered)
    if counts_alone:
        only = frozenset(slot.group for slot in busiest(gathered)[:limit])
        latencies = gather(question, family, by=by, step=step, only=only, with_answers=with_answers)
        return Answer(
            slots=of_cells(latencies, ranks),
            p95_method="histogram",
            source=source,
            more=len(gathered) - len(only),
        )
    return Answer(slots=of_cells(gathered, ranks), p95_method="histogram", source=source, gathered=gathered)


def from_logs(
    question: Question,
    gathered: Mapping[Slot, Cell],
    *,
    ranks: Sequence[float],
    by: GroupBy | None,
    step: timedelta | None,
    exact_up_to: int,
) -> dict[Slot, Numbers] | None:
    """Numbers with the percentiles of the logs; None where these are too many, or not all there."""
    if question.counted:
        return None  # Of what clients counted there need not be a single log.
    total = sum(cell.requests for cell in gathered.values())
    if by is None and step is None:
        return whole_exactly(question, gathered, ranks) if total <= exact_up_to else None
    if total > PARTS_EXACT_UP_TO:
        return None
    return parts_exactly(question, total, ranks=ranks, by=by, step=step)


def told_by(sources: Set[str]) -> Told:
    """Who counted. Different services, environments and days may have been counted by different ones."""
    if Source.CLIENT not in sources:
        return "logs"
    return "both" if Source.LOGS in sources else "client"


def in_window(question: Question) -> RequestLogQuerySet:
    return question.logs.within(question.since, question.until)


def of_cells(cells: Mapping[Slot, Cell], ranks: Sequence[float]) -> dict[Slot, Numbers]:
    return {slot: Numbers.of_cell(cell, ranks) for slot, cell in cells.items()}


def busiest(cells: Mapping[Slot, Cell] | Mapping[Slot, Numbers]) -> list[Slot]:
    return sorted(cells, key=lambda slot: (-cells[slot].requests, slot.group))


def whole_exactly(
    question: Question, gathered: Mapping[Slot, Cell], ranks: Sequence[float]
) -> dict[Slot, Numbers] | None:
    """The counts as gathered, with latencies from the logs; None where the logs are not there any more."""
    if not gathered:
        return {}
    counted = Numbers.of_cell(gathered[Slot()], ())
    logs, mean_ms, percentiles_ms = exact.latencies(in_window(question), ranks=ranks)
    if logs < counted.requests:
        return None
    if logs > counted.requests:
        # Some arrived between the two statements. One alone sees one moment.
        return exact.count(in_window(question), ranks=ranks)
    return {Slot(): replace(counted, mean_ms=mean_ms, percentiles_ms=percentiles_ms)}


def parts_exactly(
    question: Question,
    total: int,
    *,
    ranks: Sequence[float],
    by: GroupBy | None,
    step: timedelta | None,
) -> dict[Slot, Numbers] | None:
    """Groups or steps counted from the logs; None where the logs are not there any more."""
    counted = exact.count(in_window(question), ranks=ranks, by=by, step=step) if total else {}
    # Fewer logs than were counted once: old ones are gone, and the rollups alone know of them.
    return counted if sum(numbers.requests for numbers in counted.values()) >= total else None


def what_to_narrow(question: Question, by: GroupBy | None, step: timedelta | None) -> str:
    """Why the logs themselves had to be read, and what would help."""
    causes = [f"the filter {name}" for name in sorted(question.filters.keys() - EVERYWHERE)]
    if by is not None:
        causes.append(f"group_by={by}")
    if step is not None:
        causes.append(f"an interval of {step / timedelta(seconds=1):g} s")
    asked = " with ".join(causes) or "this window"
    return (
        f"Counting {asked} has the logs read one by one, and that took longer than {LIMIT.seconds} s. "
        "Move since and until closer together, or ask for less at once."
    )


def measure_for(
    question: Question,
    *,
    ranks: Sequence[float] = (),
    exact_up_to: int | None = None,
    whole: Gathered | None = None,
) -> tuple[Measurement, Numbers]:
    """The window in numbers; `ranks` (0 to 1) are the percentiles of the Numbers. Raises TooMuchToCount.

    `exact_up_to`: see `answer`. `whole` is that of the same question's series or groups: it is of the same
    moment, and costs nothing.
    """
    answered = answer(question, ranks=[*USUAL_RANKS, *ranks], exact_up_to=exact_up_to, whole=whole)
    numbers = answered.slots.get(Slot(), Numbers.nothing([*USUAL_RANKS, *ranks]))
    p50, p95, p99, *others = numbers.percentiles_ms
    measurement = Measurement(
        total_requests=numbers.requests,
        error_count=numbers.errors,
        error_rate=numbers.error_rate,
        avg_latency_ms=numbers.mean_ms,
        p50_latency_ms=p50,
        p95_latency_ms=p95,
        p99_latency_ms=p99,
        request_bytes=numbers.request_bytes,
        response_bytes=numbers.response_bytes,
        avg_request_bytes=numbers.mean_request_bytes,
        avg_response_bytes=numbers.mean_response_bytes,
        request_sized=numbers.request_sized,
        response_sized=numbers.response_sized,
        is_sized=numbers.is_sized,
        by_method=numbers.by_method,
        by_status=numbers.by_status,
        p95_method=answered.p95_method,
        source=answered.source,
    )
    return measurement, replace(numbers, percentiles_ms=tuple(others))


def series_for(question: Question, *, step: timedelta, ranks: Sequence[float] = ()) -> Series:
    """The window step by step; `ranks` (0 to 1) are the percentiles of the numbers. Raises TooMuchToCount."""
    answered = answer(question, ranks=[*USUAL_RANKS, *ranks], step=step)
    by_start: dict[datetime | None, Numbers] = {
        slot.start: numbers for slot, numbers in answered.slots.items()
    }
    nothing = Numbers.nothing([*USUAL_RANKS, *ranks])
    buckets: list[Bucket] = []
    rest: list[Numbers] = []
    for start in starts(question.since, question.until, step):
        numbers = by_start.get(start, nothing)
        p50, p95, p99, *others = numbers.percentiles_ms
        buckets.append(
            Bucket(
                start=start,
                total=numbers.requests,
                errors=numbers.errors,
                by_class=by_class(numbers),
                p50=p50,
                p95=p95,
                p99=p99,
            )
        )
        rest.append(replace(numbers, percentiles_ms=tuple(others)))
    return Series(
        buckets=buckets, numbers=rest, p95_method=answered.p95_method, whole=added_up(answered.gathered)
    )


def added_up(parts: Gathered | None) -> Gathered | None:
    """The slots as one."""
    if parts is None:
        return None
    whole = Gathered()
    for cell in parts.values():
        whole[Slot()].merge(cell)
    whole.sources = parts.sources
    return whole


def by_class(numbers: Numbers) -> dict[str, int]:
    """Requests by status class, those there are."""
    counted: dict[str, int] = {}
    for (_, status_code), count in numbers.answers.items():
        name = class_of(status_code)
        counted[name] = counted.get(name, 0) + count
    return counted


def groups_for(
    question: Question,
    *,
    by: GroupBy,
    ranks: Sequence[float] = USUAL_RANKS,
    limit: int | None = 20,
    with_answers: bool = True,
) -> Groups:
    """The window in groups, the busiest first; all of them without a limit. Raises TooMuchToCount.

    `with_answers`: see `answer`.
    """
    answered = answer(question, ranks=ranks, by=by, limit=limit, with_answers=with_answers)
    slots = busiest(answered.slots)
    shown = slots[:limit]
    names = names_of(by, [slot.group for slot in shown])
    return Groups(
        groups=[
            Group(value=names[slot.group][0], label=names[slot.group][1], numbers=answered.slots[slot])
            for slot in shown
        ],
        more=answered.more + len(slots) - len(shown),
        p95_method=answered.p95_method,
        whole=added_up(answered.gathered),
    )


def counts_by(question: Question, by: GroupBy) -> dict[str, Numbers]:
    """Requests, errors and bytes of every group, by its value; no latencies. Raises TooMuchToCount.

    A fraction of what groups_for costs where there are many groups.
    """
    if question.is_empty:
        return {}
    try:
        with time_limit(LIMIT, workers=False):
            family = question.family_for(by)
            if family is None or not (question.counted or question.plan(family).tiles):
                allow_workers()
                counted = exact.count(in_window(question), ranks=(), by=by)
            else:
                counted = of_cells(gather(question, family, by=by, counts_alone=True), ())
    except TookTooLong as error:
        raise TooMuchToCount(what_to_narrow(question, by, None)) from error
    return {slot.group: numbers for slot, numbers in counted.items()}


def latencies_by(
    question: Question, by: GroupBy, *, only: Collection[str], ranks: Sequence[float]
) -> dict[str, Numbers]:
    """The numbers of these groups alone, with latencies from histograms and without methods and status codes.

    Raises TooMuchToCount.
    """
    family = question.family_for(by)
    if question.is_empty or not only or family is None:
        return {}
    try:
        with time_limit(LIMIT, workers=False):
            gathered = gather(question, family, by=by, only=frozenset(only), with_answers=False)
    except TookTooLong as error:
        raise TooMuchToCount(what_to_narrow(question, by, None)) from error
    return {slot.group: numbers for slot, numbers in of_cells(gathered, ranks).items()}


def names_of(by: GroupBy, groups: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Value and label of each group."""
    names = {group: (group, group) for group in groups}
    ids = [UUID(group) for group in groups if group] if by in (GroupBy.ENDPOINT, GroupBy.CONSUMER) else []
    if by == GroupBy.ENDPOINT:
        for endpoint in Endpoint.objects.filter(id__in=ids):
            names[str(endpoint.id)] = (str(endpoint.id), str(endpoint))
    elif by == GroupBy.CONSUMER:
        for consumer in Consumer.objects.filter(id__in=ids):
            names[str(consumer.id)] = (consumer.identifier, str(consumer))
    return names
