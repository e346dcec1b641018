"""Add up a window from rollups, from deltas that are not compacted yet, and from the logs at its edges.

All three are read by one statement, so by one snapshot: a delta that is being compacted is seen either as
itself or within the rollups, never twice and never not at all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q

from monitor.lib.histogram import BUCKETS_PER_DOUBLING, ZERO_BUCKET, ZERO_THRESHOLD
from monitor.metrics import facts, rollups, tiles
from monitor.metrics.cells import NO_STATUS, Cell, answer_of_subject, subject_of
from monitor.metrics.counted import Place, Speakers
from monitor.metrics.facts import Fact
from monitor.metrics.question import GroupBy, Question
from monitor.metrics.tiles import EPOCH, Plan, Span, Tile
from monitor.models.logs import FAILED, RequestLogQuerySet
from monitor.models.metrics import Family, Resolution, Source

SUBJECT_COLUMNS = {Family.ENDPOINT: "endpoint_id", Family.CONSUMER: "consumer_id"}
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", NO_STATUS)


class Slot(NamedTuple):
    """Where a cell goes: a step of time, and a group within it. None and empty where there is just one."""

    start: datetime | None = None
    group: str = ""


class Gathered(dict[Slot, Cell]):
    """Cells by slot, and who counted them."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.sources: set[str] = set()

    def __missing__(self, slot: Slot) -> Cell:
        return self.setdefault(slot, Cell())


class Row(NamedTuple):
    """What each part of the statement gives; those that do not apply are null."""

    kind: str
    start: datetime | None
    subject: str
    environment: str
    requests: int
    errors: int
    request_bytes: int
    response_bytes: int
    request_sized: int | None
    response_sized: int | None
    latency_ms: float
    packed: bytes
    method: str
    status_code: int | None
    bucket: int | None
    source: str | None


def class_of(status_code: int | None) -> str:
    """`2xx` and so on, or `none` where no status was reported or it is out of the ordinary."""
    name = NO_STATUS if status_code is None else f"{status_code // 100}xx"
    return name if name in STATUS_CLASSES else NO_STATUS


def gather(
    question: Question,
    family: Family,
    *,
    by: GroupBy | None = None,
    step: timedelta | None = None,
    only: frozenset[str] | None = None,
    counts_alone: bool = False,
) -> Gathered:
    """The window added up, in groups and steps when asked for. Slots without requests are absent.

    `only` names the subjects to look at. With `counts_alone` there are neither latencies nor answers.
    """
    if question.is_empty:
        return Gathered()
    return Gathering(
        question=question, family=family, by=by, step=step, only=only, counts_alone=counts_alone
    ).gathered()


def gather_logs(question: Question, *, by: GroupBy | None = None, step: timedelta | None = None) -> Gathered:
    """The window added up from its logs alone, whatever the filters are. Reads them all: limit its time."""
    families = {GroupBy.ENDPOINT: Family.ENDPOINT, GroupBy.CONSUMER: Family.CONSUMER}
    family = families.get(by, Family.TOTAL) if by else Family.TOTAL
    gathering = Gathering(
        question=question, family=family, by=by, step=step, only=None, counts_alone=False, logs_alone=True
    )
    return gathering.following(Plan(edges=[Span(since=question.since, until=question.until)]))


@dataclass(frozen=True, kw_only=True)
class Gathering:
    question: Question
    family: Family
    by: GroupBy | None
    step: timedelta | None
    only: frozenset[str] | None
    counts_alone: bool
    logs_alone: bool = False

    @property
    def counted(self) -> list[Place]:
        """The days whose numbers are the clients'."""
        return [] if self.logs_alone else self.question.counted

    def gathered(self) -> Gathered:
        return self.following(self.question.plan(self.family, step=self.step))

    def following(self, plan: Plan) -> Gathered:
        statement, params = self.statement(plan)
        cells = Gathered()
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            for values in cursor.fetchall():
                row = Row._make(values)
                if row.kind == "delta":
                    self.add_facts(cells, facts.unpack(row.packed), plan)
                elif row.kind == "rollup":
                    self.add_rollup(cells, row)
                else:
                    self.add_edge(cells, row)
        return cells

    # --- The statement ---------------------------------------------------------------------------------

    def statement(self, plan: Plan) -> tuple[str, list[Any]]:
        parts = [self.rollups_of(tile) for tile in plan.tiles]
        if self.counted:
            parts += [self.rollups_of(tile, of_clients=True) for tile in self.instead_of(plan.edges)]
        if plan.tiles or self.counted:
            parts.append(self.deltas())
        if plan.edges:
            parts.append(self.logs_of(plan.edges))
        return " UNION ALL ".join(text for text, _ in parts), [each for _, params in parts for each in params]

    def instead_of(self, edges: Iterable[Span]) -> Iterator[Tile]:
        """Clients' counts at the edges, where logs would be counted one by one: of each row that is there,
        the window takes those that begin in it, so that windows still tile."""
        for edge in edges:
            kept = (
                resolution
                for resolution in reversed(list(tiles.LENGTHS))
                if rollups.time_kept(resolution, self.family)
                and rollups.kept_from(resolution, self.family, now=self.question.now) <= edge.since
            )
            yield Tile(since=edge.since, until=edge.until, resolution=next(kept, Resolution.DAY))

    def rollups_of(self, tile: Tile, *, of_clients: bool = False) -> tuple[str, list[Any]]:
        filters = self.question.filters
        # Reading thousands of moments costs more than their rows where nothing is asked by time.
        start = "start" if self.step else "NULL::timestamptz"
        text = (
            f"SELECT 'rollup', {start}, subject, environment, requests, errors, request_bytes,"  # noqa: S608
            " response_bytes, request_sized, response_sized, latency_ms, packed, NULL::text, NULL::int,"
            " NULL::int, source FROM metric_rollup"
            " WHERE service_id = ANY(%s) AND family = %s AND resolution = %s AND start >= %s AND start < %s"
        )
        params = [
            list(self.question.service_ids),
            self.family.value,
            tile.resolution.value,
            tile.since,
            tile.until,
        ]
        chosen, places = self.speakers.condition()
        text += f" AND {chosen}" + (" AND source = 'client'" if of_clients else "")
        params += places
        for name in ("environment", "mode"):
            if name in filters:
                text += f" AND {name} = %s"
                params.append(filters[name])
        for subjects in (self.question.subjects, self.only):
            if subjects is not None:
                text += " AND subject = ANY(%s)"
                params.append(list(subjects))
        return (self.summed(text) if self.counts_alone else text), params

    def summed(self, text: str) -> str:
        """A row for each subject and environment in place of one for each span: nothing to unpack."""
        return (
            f"SELECT 'rollup', NULL::timestamptz, subject, environment, {rollups.SUMS},"  # noqa: S608
            " NULL::text, NULL::int, NULL::int, source"
            f" FROM ({text}) AS tile GROUP BY 3, 4, source"
        )

    def deltas(self) -> tuple[str, list[Any]]:
        return (
            "SELECT 'delta', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, packed, NULL, NULL,"
            " NULL, NULL FROM metric_delta WHERE services && %s",
            [list(self.question.service_ids)],
        )

    def logs_of(self, edges: Iterable[Span]) -> tuple[str, list[Any]]:
        """The logs at the edges, with the same filters as in every search, grouped to few rows."""
        compiled = [lean(self.edge_logs(edge)) for edge in edges]
        start = "date_bin(%s, captured_at, %s)" if self.step else "NULL::timestamptz"
        column = SUBJECT_COLUMNS.get(self.family)
        # For counts alone, an edge is a row for each subject, not for each of its latencies.
        parts = (
            "NULL::text, NULL::int, NULL::int" if self.counts_alone else f"method, status_code::int, {BUCKET}"
        )
        text = (
            f"SELECT 'edge', {start}, {column or 'NULL'}::text, environment, count(*),"  # noqa: S608 - our own words
            " count(*) FILTER (WHERE has_failed), coalesce(sum(request_bytes), 0),"
            " coalesce(sum(response_bytes), 0), count(request_bytes), count(response_bytes),"
            " coalesce(sum(latency_ms), 0), NULL::bytea,"
            f" {parts}, 'logs' FROM ({' UNION ALL '.join(text for text, _ in compiled)}) AS edge"
            " GROUP BY 2, 3, 4, 13, 14, 15"
        )
        params: list[Any] = [self.step, EPOCH] if self.step else []
        return text, params + [each for _, params in compiled for each in params]

    def edge_logs(self, edge: Span) -> RequestLogQuerySet:
        logs = self.only_counted_here(edge)
        column = SUBJECT_COLUMNS.get(self.family)
        if self.only is None or column is None:
            return logs
        wanted = Q((f"{column}__in", [UUID(subject) for subject in self.only if subject]))
        return logs.filter(wanted | Q((f"{column}__isnull", True)) if "" in self.only else wanted)

    def only_counted_here(self, edge: Span) -> RequestLogQuerySet:
        """The logs at an edge, without those whose day clients have counted."""
        logs = self.question.logs.within(edge.since, edge.until)
        for place in self.counted:
            since = datetime.combine(place.day, time(), UTC)
            until = since + timedelta(days=1)
            if since < edge.until and edge.since < until:
                logs = logs.exclude(
                    service_id=place.service_id,
                    environment=place.environment,
                    mode=place.mode,
                    captured_at__gte=since,
                    captured_at__lt=until,
                )
        return logs

    # --- Its rows --------------------------------------------------------------------------------------

    def add_rollup(self, cells: Gathered, row: Row) -> None:
        method, status_code = answer_of_subject(row.subject) if self.family == Family.ANSWER else ("", None)
        if self.family == Family.ANSWER and not self.question.takes_answer(method, status_code):
            return
        slot = self.slot(row.start, row.environment, row.subject, method, status_code)
        rollups.add_row(cells[slot], row[4:12])
        cells.sources.add(row.source or Source.LOGS)

    def add_edge(self, cells: Gathered, row: Row) -> None:
        slot = self.slot(row.start, row.environment, row.subject or "", row.method, row.status_code)
        cells.sources.add(Source.LOGS)
        cell = cells[slot]
        cell.requests += row.requests
        cell.errors += row.errors
        cell.request_bytes += row.request_bytes
        cell.response_bytes += row.response_bytes
        cell.request_sized += row.request_sized or 0
        cell.response_sized += row.response_sized or 0
        cell.latencies.total += row.latency_ms
        if self.counts_alone:
            return
        cell.answers[row.method, row.status_code] += row.requests
        if row.bucket is not None:
            cell.latencies.add_bucket(row.bucket, row.requests)

    def add_facts(self, cells: Gathered, found: Iterable[Fact], plan: Plan) -> None:
        """Those that lie within tiles: the edges were counted from the logs, and these are among them.

        Of what clients counted there are no logs, so of that those whose minute begins in the window."""
        spans = [(tile.since.timestamp() / 60, tile.until.timestamp() / 60) for tile in plan.tiles]
        window = [(self.question.since.timestamp() / 60, self.question.until.timestamp() / 60)]
        for fact in self.asked(found):
            of_client = fact.source == Source.CLIENT
            if not any(since <= fact.minute < until for since, until in (window if of_client else spans)):
                continue
            subject = subject_of(fact, self.family.value)
            if self.only is not None and subject not in self.only:
                continue
            start = datetime.fromtimestamp(fact.minute * 60, tz=UTC)
            slot = self.slot(start, fact.environment, subject, fact.method, fact.status_code)
            cells[slot].add_fact(fact)
            cells.sources.add(fact.source)

    def asked(self, found: Iterable[Fact]) -> Iterator[Fact]:
        """The facts that the filters leave."""
        filters = self.question.filters
        services = {id_.bytes for id_ in self.question.service_ids}
        subjects = self.question.subjects
        for fact in found:
            if (
                fact.service in services
                and filters.get("environment", fact.environment) == fact.environment
                and filters.get("mode", fact.mode) == fact.mode
                and self.question.takes_answer(fact.method, fact.status_code)
                and (subjects is None or subject_of(fact, self.family.value) in subjects)
                and fact.source == self.speakers.of(fact)
            ):
                yield fact

    @cached_property
    def speakers(self) -> Speakers:
        return Speakers(self.counted)

    def slot(
        self, start: datetime | None, environment: str, subject: str, method: str, status_code: int | None
    ) -> Slot:
        # Asked for each of tens of thousands of rows: no dictionary of all answers is made for one.
        match self.by:
            case None:
                group = ""
            case GroupBy.ENDPOINT | GroupBy.CONSUMER:
                group = subject
            case GroupBy.STATUS_CLASS:
                group = class_of(status_code)
            case GroupBy.METHOD:
                group = method
            case GroupBy.ENVIRONMENT:
                group = environment
        if self.step is None or start is None:
            return Slot(None, group)
        return Slot(start - (start - EPOCH) % self.step, group)


# As monitor.lib.histogram.bucket_of has it; a value at a boundary may fall to the other side of it.
BUCKET = (
    f"CASE WHEN latency_ms <= {ZERO_THRESHOLD} THEN {ZERO_BUCKET}"
    f" ELSE ceil(ln(latency_ms) / ln(2::float8) * {BUCKETS_PER_DOUBLING})::int - 1 END"
)


def lean(logs: RequestLogQuerySet) -> tuple[str, tuple[Any, ...]]:
    """The SQL that gives what the numbers are made of, and its parameters."""
    failed = ExpressionWrapper(FAILED, output_field=BooleanField())
    columns = logs.order_by().annotate(has_failed=failed).values(*LEAN_COLUMNS, "has_failed")
    text, params = columns.query.sql_with_params()
    return text, params


LEAN_COLUMNS = (
    "captured_at",
    "environment",
    "mode",
    "method",
    "status_code",
    "endpoint_id",
    "consumer_id",
    "latency_ms",
    "request_bytes",
    "response_bytes",
)
