"""Count a window by several columns at once, from rollups, deltas and edges: for facets and bars.

Where `gather` adds up latencies for a question in parameters, this counts alone, and leaves it to its caller
to say which of the counted parts are asked for: a search may exclude, compare and combine as it likes, as
long as it speaks of what rollups tell apart.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection

from monitor.metrics import facts, rollups, tiles
from monitor.metrics.cells import answer_of_subject, answers_in_all, subject_of
from monitor.metrics.facts import Fact
from monitor.metrics.folds import Standing, standing
from monitor.metrics.tiles import EPOCH, Plan, Span, Tile
from monitor.models.logs import RequestLogQuerySet
from monitor.models.metrics import Family, Source

SUBJECT_COLUMNS: Mapping[Family, str] = {Family.ENDPOINT: "endpoint_id", Family.CONSUMER: "consumer_id"}
EDGE_COLUMNS = (
    "captured_at",
    "service_id",
    "environment",
    "mode",
    "method",
    "status_code",
    "endpoint_id",
    "consumer_id",
)


class Part(NamedTuple):
    """Requests that nothing here tells apart. `subject` is the id of an endpoint or consumer, where the
    family has one; method and status are empty where they were not asked for; `start` is the step."""

    service_id: UUID
    environment: str
    mode: str
    method: str = ""
    status_code: int | None = None
    subject: str = ""
    start: datetime | None = None


class Place(NamedTuple):
    """A part without its answer, as rows have it: there are tens of thousands of rows, and texts are hashed
    twenty times as fast as ids."""

    service_id: str
    environment: str
    mode: str
    subject: str
    start: datetime | None

    def part(self, method: str, status_code: int | None) -> Part:
        return Part(
            UUID(self.service_id), self.environment, self.mode, method, status_code, self.subject, self.start
        )


# Method and status code; empty where they were not asked for.
Answer = tuple[str, int | None]
NO_ANSWER: Answer = ("", None)
Sums = dict[Place, Counter[Answer]]
Parts = Counter[Part]


@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """The requests of `service_ids` between `since` and `until` that `takes` takes.

    `logs` is what the same search finds in the log table; the edges are counted from it, and all before
    `whole_from`, the moment since which the table still holds every log that the rollups count.
    """

    service_ids: Sequence[UUID]
    since: datetime
    until: datetime
    whole_from: datetime
    now: datetime
    logs: RequestLogQuerySet
    takes: Callable[[Family, Part], bool]
    subjects: frozenset[str] | None = None
    """The only subjects that `takes` takes, where they are few enough to name."""

    def count(
        self, families: Sequence[Family], *, with_answers: bool = False, step: timedelta | None = None
    ) -> dict[Family, Parts]:
        """The parts of each family. All are read by one statement, so that they are of one moment.

        `with_answers` tells all of them apart by method and status too, which takes unpacking.
        """
        sums: dict[Family, Sums] = {family: defaultdict(Counter) for family in families}
        if self.service_ids and self.since < self.until:
            plans = {family: self.plan(family, step) for family in families}
            statement, params = self.statement(plans, with_answers, step)
            with connection.cursor() as cursor:
                cursor.execute(statement, params)
                for kind, family, *place, requests, packed, rows, method, status_code in cursor.fetchall():
                    if kind == "delta":
                        add_facts(sums, self.asked(facts.unpack(packed or b"")), plans, step)
                    elif kind == "edge":
                        sums[family][Place(*place)][method, status_code] += requests
                    else:
                        add_rollups(sums[family], family, Place(*place), requests, packed, rows)
        return {family: self.taken(family, places) for family, places in sums.items()}

    def taken(self, family: Family, sums: Sums) -> Parts:
        """What is asked for of the sums. Judged once they are added up: a place has many rows."""
        return Counter(
            {
                part: requests
                for place, answers in sums.items()
                for answer, requests in answers.items()
                if self.takes(family, part := place.part(*answer))
            }
        )

    def asked(self, found: Iterable[Fact]) -> Iterator[Fact]:
        """Not what clients counted: a search finds logs, and its facets count what it finds."""
        services = {id_.bytes for id_ in self.service_ids}
        return (fact for fact in found if fact.service in services and fact.source == Source.LOGS)

    @cached_property
    def standing(self) -> Standing:
        """Within two days nothing of it matters: minutes are there."""
        is_recent = self.since >= self.now - rollups.MINUTES_KEPT
        return Standing() if is_recent else standing(self.service_ids, self.since, self.until)

    def plan(self, family: Family, step: timedelta | None = None) -> Plan:
        """Tiles and edges; with a step, no tile reaches over the end of one."""
        since = min(max(self.since, self.whole_from), self.until)
        plan = tiles.lay(
            since,
            self.until,
            {
                resolution: rollups.kept_from(
                    resolution, family, now=self.now, hours_from=self.standing.hours_from
                )
                for resolution, length in tiles.LENGTHS.items()
                if rollups.time_kept(resolution, family) and (step is None or step % length == timedelta())
            },
            folded_until=self.standing.folded_until,
        )
        before = [Span(since=self.since, until=since)] if self.since < since else []
        return Plan(tiles=plan.tiles, edges=[*before, *plan.edges])

    # --- The statement ---------------------------------------------------------------------------------

    def statement(
        self, plans: Mapping[Family, Plan], with_answers: bool, step: timedelta | None
    ) -> tuple[str, list[Any]]:
        selects: list[tuple[str, list[Any]]] = []
        for family, plan in plans.items():
            if plan.tiles:
                is_packed = with_answers and family != Family.ANSWER
                selects.append(self.rollups_of(family, plan.tiles, is_packed, step))
            compiled = [text for edge in plan.edges for text in self.sql_of(edge)]
            if compiled:
                selects.append(self.logs_of(family, compiled, step))
        selects.append(self.deltas())
        return " UNION ALL ".join(text for text, _ in selects), [each for _, ps in selects for each in ps]

    def rollups_of(
        self, family: Family, tiles_read: Iterable[Tile], is_packed: bool, step: timedelta | None
    ) -> tuple[str, list[Any]]:
        """A row for each place, what its rows have packed laid end to end: to take up a row costs as much as
        to unpack it."""
        start, params = binned("start", step)
        packed = "string_agg(packed, ''), count(*)::int" if is_packed else "NULL::bytea, NULL::int"
        each = [self.tile_of(family, tile) for tile in tiles_read]
        text = (
            "SELECT 'rollup', %s, service_id::text, environment::text, mode::text, subject::text,"  # noqa: S608 - our own words
            f" {start}, sum(requests)::int8, {packed}, NULL::text, NULL::int"
            f" FROM ({' UNION ALL '.join(text for text, _ in each)}) AS tile GROUP BY 3, 4, 5, 6, 7"
        )
        return text, [family.value, *params, *(param for _, ps in each for param in ps)]

    def tile_of(self, family: Family, tile: Tile) -> tuple[str, list[Any]]:
        text = (
            "SELECT start, service_id, environment, mode, subject, requests, packed FROM metric_rollup"
            " WHERE service_id = ANY(%s) AND family = %s AND resolution = %s AND start >= %s AND start < %s"
            " AND source = 'logs'"
        )
        params = [list(self.service_ids), family.value, tile.resolution.value, tile.since, tile.until]
        if self.subjects is not None and family in SUBJECT_COLUMNS:
            text += " AND subject = ANY(%s)"
            params.append(list(self.subjects))
        return text, params

    def sql_of(self, edge: Span) -> list[tuple[str, tuple[Any, ...]]]:
        """The logs of an edge in SQL; none where Django knows that nothing can match."""
        logs = self.logs.within(edge.since, edge.until).order_by().values(*EDGE_COLUMNS)
        try:
            return [logs.query.sql_with_params()]
        except EmptyResultSet:
            return []

    def logs_of(
        self, family: Family, compiled: Sequence[tuple[str, tuple[Any, ...]]], step: timedelta | None
    ) -> tuple[str, list[Any]]:
        start, params = binned("captured_at", step)
        subject = SUBJECT_COLUMNS.get(family, "NULL")
        text = (
            "SELECT 'edge', %s, service_id::text, environment::text, mode::text,"  # noqa: S608 - our own words
            f" coalesce({subject}::text, ''), {start}, count(*), NULL::bytea, NULL::int,"
            " method::text, status_code::int"
            f" FROM ({' UNION ALL '.join(text for text, _ in compiled)}) AS edge"
            " GROUP BY 2, 3, 4, 5, 6, 7, 11, 12"
        )
        return text, [family.value, *params, *(each for _, ps in compiled for each in ps)]

    def deltas(self) -> tuple[str, list[Any]]:
        return (
            "SELECT 'delta', NULL, NULL, NULL, NULL, NULL, NULL::timestamptz, NULL::int8, packed, NULL,"
            " NULL, NULL::int"
            " FROM metric_delta WHERE services && %s",
            [list(self.service_ids)],
        )


def binned(column: str, step: timedelta | None) -> tuple[str, list[Any]]:
    return ("NULL::timestamptz", []) if step is None else (f"date_bin(%s, {column}, %s)", [step, EPOCH])


def add_rollups(
    sums: Sums, family: str, place: Place, requests: int, packed: bytes | None, rows: int
) -> None:
    """Add rows of one place: one answer, or each method and status that they have packed."""
    if family == Family.ANSWER:
        sums[place._replace(subject="")][answer_of_subject(place.subject)] += requests
    elif packed is None:
        sums[place][NO_ANSWER] += requests
    else:
        answers = sums[place]
        for method, status_code, count in answers_in_all(packed, rows):
            answers[method, status_code] += count


def add_facts(
    sums: Mapping[Family, Sums],
    found: Iterable[Fact],
    plans: Mapping[Family, Plan],
    step: timedelta | None,
) -> None:
    """Add those that lie within tiles: the edges were counted from the logs, and these are among them."""
    spans = {
        family: [(tile.since.timestamp() // 60, tile.until.timestamp() // 60) for tile in plan.tiles]
        for family, plan in plans.items()
    }
    for fact in found:
        for family, within in spans.items():
            if any(since <= fact.minute < until for since, until in within):
                sums[family][place_of(fact, family, step)][fact.method, fact.status_code] += fact.requests


def place_of(fact: Fact, family: Family, step: timedelta | None) -> Place:
    moment = datetime.fromtimestamp(fact.minute * 60, tz=UTC)
    return Place(
        str(UUID(bytes=fact.service)),
        fact.environment,
        fact.mode,
        subject_of(fact, family.value) if family in SUBJECT_COLUMNS else "",
        None if step is None else tiles.floor(moment, step),
    )
