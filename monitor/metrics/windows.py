"""Many windows of many services at once: what alert rules ask every minute.

`gather` answers one question by one statement. A thousand rules would be a thousand statements, each of
which unpacks all deltas that wait. Here windows that begin and end together share their tiles, whatever the
service, and the deltas are unpacked once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from monitor.metrics import facts, rollups, tiles
from monitor.metrics.cells import Cell, Cells, answers_of, minutes_of
from monitor.metrics.counted import Speakers, counted_days
from monitor.metrics.tiles import Tile
from monitor.models.keys import Mode
from monitor.models.metrics import Family


class Detail(StrEnum):
    """How much of the requests is asked for: each costs several times what the one before it does."""

    COUNTS = "counts"
    ANSWERS = "answers"
    LATENCIES = "latencies"


@dataclass(frozen=True, kw_only=True)
class WindowQuestion:
    """The live requests of a service between two whole minutes.

    Of one environment when it is named, and of one subject of the family (see MetricRollup).
    `by_environment` and, in the families of endpoints and consumers, `by_subject` tell the answer apart.
    `detail` tells whether it holds status codes and latencies beside counts.
    """

    service_id: UUID
    since: datetime
    until: datetime
    family: Family = Family.TOTAL
    environment: str = ""
    subject: str | None = None
    by_environment: bool = False
    by_subject: bool = False
    detail: Detail = Detail.LATENCIES


# By subject or environment; under the empty text where nothing is told apart.
Groups = dict[str, Cell]


class Shape(NamedTuple):
    """What questions have in common that are read together."""

    family: Family
    since: datetime
    until: datetime
    detail: Detail
    names_subjects: bool


class Place(NamedTuple):
    """What the rows of a service are told apart by; spans of time are added up while they are read."""

    subject: str
    environment: str


Parts = dict[UUID, dict[Place, Cell]]


def read_windows(questions: Iterable[WindowQuestion], *, now: datetime) -> dict[WindowQuestion, Groups]:
    """The answer to each question, by one statement, so of one moment.

    Raises ValueError for windows that rollups cannot tell: those that reach back too far or begin or end
    within a minute.
    """
    together: dict[Shape, list[WindowQuestion]] = defaultdict(list)
    for question in dict.fromkeys(questions):
        together[shape_of(question)].append(question)
    if not together:
        return {}
    plans = [tiles_of(shape, now=now) for shape in together]
    speakers = speakers_of(together)
    rolled, waiting = _read(together, plans, speakers)
    answers: dict[WindowQuestion, Groups] = {}
    for number, (shape, asked) in enumerate(together.items()):
        parts = rolled[number]
        _add_waiting(parts, waiting, shape, {question.service_id for question in asked})
        for question in asked:
            answers[question] = answer_of(question, parts.get(question.service_id, {}))
    return answers


def speakers_of(together: Mapping[Shape, Sequence[WindowQuestion]]) -> Speakers:
    """Who counted what is asked for."""
    services = list({question.service_id for asked in together.values() for question in asked})
    since, until = min(shape.since for shape in together), max(shape.until for shape in together)
    return Speakers(counted_days(services, since, until))


def shape_of(question: WindowQuestion) -> Shape:
    return Shape(
        question.family,
        question.since,
        question.until,
        question.detail,
        question.subject is not None,
    )


def tiles_of(shape: Shape, *, now: datetime) -> Sequence[Tile]:
    plan = tiles.lay(
        shape.since,
        shape.until,
        {
            resolution: rollups.kept_from(resolution, shape.family, now=now)
            for resolution in tiles.LENGTHS
            if rollups.time_kept(resolution, shape.family)
        },
    )
    if plan.edges:
        raise ValueError(f"No rollups tell of {shape.since:%c} to {shape.until:%c}.")
    return plan.tiles


def answer_of(question: WindowQuestion, parts: Mapping[Place, Cell]) -> Groups:
    groups: Groups = defaultdict(Cell)
    for place, cell in parts.items():
        if question.environment not in ("", place.environment):
            continue
        if question.subject is not None and place.subject != question.subject:
            continue
        group = place.subject if question.by_subject else place.environment if question.by_environment else ""
        groups[group].merge(cell)
    return dict(groups)


# --- The statement -----------------------------------------------------------------------------------------


def _read(
    together: Mapping[Shape, Sequence[WindowQuestion]], plans: Sequence[Sequence[Tile]], speakers: Speakers
) -> tuple[list[Parts], Cells]:
    """What is rolled up for each shape, and the minutes of what waits to be."""
    parts: list[tuple[str, list[Any]]] = []
    for number, ((shape, asked), plan) in enumerate(zip(together.items(), plans, strict=True)):
        parts += [_rollups_of(number, shape, asked, tile, speakers) for tile in plan]
    services = list({question.service_id for asked in together.values() for question in asked})
    parts.append(
        (
            "SELECT -1, NULL::uuid, NULL, NULL, NULL::int8, NULL::int8, NULL::int8, NULL::int8, NULL::int8,"
            " NULL::int8, NULL::float8, packed FROM metric_delta WHERE services && %s",
            [services],
        )
    )
    rolled: list[Parts] = [defaultdict(lambda: defaultdict(Cell)) for _ in together]
    details = [shape.detail for shape in together]
    found: list[facts.Fact] = []
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(text for text, _ in parts), [each for _, params in parts for each in params]
        )
        for number, service, subject, environment, *counts in cursor.fetchall():
            if number < 0:
                found += (fact for fact in facts.unpack(counts[-1]) if fact.source == speakers.of(fact))
            else:
                cell = rolled[number][service][Place(subject, environment)]
                if details[number] == Detail.ANSWERS:
                    *counts, packed = counts
                    for method, status_code, requests in answers_of(packed):
                        cell.answers[method, status_code] += requests
                    counts.append(None)
                rollups.add_row(cell, counts)
    families = {shape.family.value for shape in together}
    return rolled, minutes_of(found, sorted(families))


def _rollups_of(
    number: int, shape: Shape, asked: Sequence[WindowQuestion], tile: Tile, speakers: Speakers
) -> tuple[str, list[Any]]:
    columns = (
        "requests, errors, request_bytes, response_bytes, request_sized, response_sized, latency_ms, packed"
        if shape.detail != Detail.COUNTS
        else rollups.SUMS
    )
    text = (
        f"SELECT {number}, service_id, subject::text, environment::text, {columns} FROM metric_rollup"  # noqa: S608 - our own words
        " WHERE service_id = ANY(%s) AND family = %s AND resolution = %s AND start >= %s AND start < %s"
        " AND mode = %s"
    )
    services = list({question.service_id for question in asked})
    params = [services, shape.family.value, tile.resolution.value, tile.since, tile.until, Mode.LIVE.value]
    chosen, places = speakers.condition()
    text, params = f"{text} AND {chosen}", params + places
    if shape.names_subjects:
        text += " AND subject = ANY(%s)"
        params.append(list({question.subject for question in asked}))
    return (text + " GROUP BY 2, 3, 4" if shape.detail == Detail.COUNTS else text), params


# --- What waits --------------------------------------------------------------------------------------------


def _add_waiting(parts: Parts, waiting: Cells, shape: Shape, services: Iterable[UUID]) -> None:
    """Add the minutes of this shape that are not rolled up yet."""
    wanted = set(services)
    for key, cell in waiting.items():
        service = UUID(bytes=key.service)
        if service not in wanted or key.family != shape.family or key.mode != Mode.LIVE:
            continue
        start = datetime.fromtimestamp(key.start, tz=UTC)
        if shape.since <= start < shape.until:
            parts[service][Place(key.subject, key.environment)].merge(cell)
