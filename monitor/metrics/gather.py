"""Add up a window from rollups, from deltas that are not compacted yet, and from the logs at its edges.

All three are read by one statement, so by one snapshot: a delta that is being compacted is seen either as
itself or within the rollups, never twice and never not at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q

from monitor.lib.histogram import BUCKETS_PER_DOUBLING, ZERO_BUCKET, ZERO_THRESHOLD
from monitor.metrics import facts, rollups, tiles
from monitor.metrics.cells import NO_STATUS, Cell, subject_of, unpack_all_into
from monitor.metrics.counted import Place, Speakers
from monitor.metrics.facts import Fact
from monitor.metrics.question import GroupBy, Question
from monitor.metrics.tiles import EPOCH, Plan, Span, Tile
from monitor.models.logs import FAILED, RequestLogQuerySet
from monitor.models.metrics import Family, Resolution, Source

SUBJECT_COLUMNS = {Family.ENDPOINT: "endpoint_id", Family.CONSUMER: "consumer_id"}
# Looked up: a chart asks for each answer of each of its steps.
CLASSES: Mapping[int | None, str] = {code: f"{code // 100}xx" for code in range(100, 600)}


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
    """What each part of the statement gives for a slot; what does not apply is null.

    `packed` is what `rows` rollups have packed, end to end, or one delta. The lists are of an edge: methods,
    status codes and buckets of latencies, and how many requests had each of these together.
    """

    kind: str
    start: int | None
    group: str
    requests: int
    errors: int
    request_bytes: int
    response_bytes: int
    request_sized: int | None
    response_sized: int | None
    latency_ms: float
    packed: bytes | None
    rows: int
    source: str | None
    methods: list[str]
    status_codes: list[int | None]
    buckets: list[int | None]
    counts: list[int]


def class_of(status_code: int | None) -> str:
    """`2xx` and so on, or `none` where no status was reported or it is out of the ordinary."""
    return CLASSES.get(status_code, NO_STATUS)


def gather(
    question: Question,
    family: Family,
    *,
    by: GroupBy | None = None,
    step: timedelta | None = None,
    only: frozenset[str] | None = None,
    counts_alone: bool = False,
    with_answers: bool = True,
) -> Gathered:
    """The window added up, in groups and steps when asked for. Slots without requests are absent.

    `only` names the subjects to look at. With `counts_alone` there are neither latencies nor answers; without
    `with_answers` there are latencies alone beside the counts.
    """
    if question.is_empty:
        return Gathered()
    return Gathering(
        question=question,
        family=family,
        by=by,
        step=step,
        only=only,
        counts_alone=counts_alone,
        with_answers=with_answers,
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
    with_answers: bool = True
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
                    self.add_facts(cells, facts.unpack(row.packed or b""), plan)
                elif row.kind == "rollup":
                    self.add_rollups(cells, row)
                else:
                    self.add_edge(cells, row)
        return cells

    # --- The statement ---------------------------------------------------------------------------------

    def statement(self, plan: Plan) -> tuple[str, list[Any]]:
        tiles_read = [self.rollups_of(tile) for tile in plan.tiles]
        if self.counted:
            tiles_read += [self.rollups_of(tile, of_clients=True) for tile in self.instead_of(plan.edges)]
        parts = [self.added_up(tiles_read)] if tiles_read else []
        if plan.tiles or self.counted:
            parts.append(self.deltas())
        if plan.edges:
            parts.append(self.logs_of(plan.edges))
        return " UNION ALL ".join(text for text, _ in parts), [each for _, params in parts for each in params]

    def added_up(self, tiles_read: Sequence[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
        """A row for each slot in place of one for each rollup: to take up a row costs as much as to merge it.

        What the rows of a slot have packed is laid end to end, and unpacked at one go.
        """
        start, params = self.start_of("start")
        text, answers = "", list[Any]()
        if self.family == Family.ANSWER:
            text, answers = answer_condition(self.question)
        sums = f"{rollups.SUMS}, 0"
        if not self.counts_alone:
            sums = rollups.SUMS.replace("NULL::bytea", "string_agg(packed, ''), count(*)::int")
        together = " UNION ALL ".join(each for each, _ in tiles_read)
        return (
            f"SELECT 'rollup', {start}, {ROLLUP_GROUPS[self.by]}, {sums}, source::text,"  # noqa: S608 - our own words
            " NULL::text[], NULL::int[], NULL::int[], NULL::int8[]"
            f" FROM ({together}) AS tile{text} GROUP BY 2, 3, source",
            [*params, *(each for _, ps in tiles_read for each in ps), *answers],
        )

    def start_of(self, column: str) -> tuple[str, list[Any]]:
        """The step that a moment lies in, in seconds since the epoch: moments would be read one by one."""
        if self.step is None:
            return "NULL::int8", []
        return f"date_part('epoch', date_bin(%s, {column}, %s))::int8", [self.step, EPOCH]

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
        text = (
            "SELECT start, subject, environment, source, requests, errors, request_bytes, response_bytes,"
            " request_sized, response_sized, latency_ms, packed FROM metric_rollup"
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
        return text, params

    def deltas(self) -> tuple[str, list[Any]]:
        return (
            "SELECT 'delta', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, packed, NULL, NULL, NULL,"
            " NULL, NULL, NULL FROM metric_delta WHERE services && %s",
            [list(self.question.service_ids)],
        )

    def logs_of(self, edges: Iterable[Span]) -> tuple[str, list[Any]]:
        """The logs at the edges, with the same filters as in every search, grouped to a row for each slot."""
        compiled = [lean(self.edge_logs(edge)) for edge in edges]
        start, params = self.start_of("captured_at")
        # For counts alone, an edge is a number for each slot, not for each of its latencies.
        answer = "method::text, status_code::int" if self.tells_answers else "NULL::text, NULL::int"
        bucket = "NULL::int" if self.counts_alone else BUCKET
        text = (
            "SELECT 'edge', slot_start, slot_group, sum(requests)::int8, sum(errors)::int8,"  # noqa: S608 - our own words
            " sum(request_bytes)::int8, sum(response_bytes)::int8, sum(request_sized)::int8,"
            " sum(response_sized)::int8, sum(latency_ms), NULL::bytea, NULL::int, 'logs',"
            " array_agg(method), array_agg(status_code), array_agg(bucket), array_agg(requests)"
            f" FROM (SELECT {start}, {GROUPS[self.by]}, {answer}, {bucket}, count(*),"
            " count(*) FILTER (WHERE has_failed), coalesce(sum(request_bytes), 0),"
            " coalesce(sum(response_bytes), 0), count(request_bytes), count(response_bytes),"
            " coalesce(sum(latency_ms), 0)"
            f" FROM ({' UNION ALL '.join(text for text, _ in compiled)}) AS edge GROUP BY 1, 2, 3, 4, 5)"
            " AS part (slot_start, slot_group, method, status_code, bucket, requests, errors, request_bytes,"
            " response_bytes, request_sized, response_sized, latency_ms) GROUP BY slot_start, slot_group"
        )
        return text, params + [each for _, params in compiled for each in params]

    @property
    def tells_answers(self) -> bool:
        return self.with_answers and not self.counts_alone

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

    def add_rollups(self, cells: Gathered, row: Row) -> None:
        cell = self.add_counts(cells, row, source=row.source or Source.LOGS)
        if row.packed is not None:
            unpack_all_into(
                cell, row.packed, row.rows, latency_ms=row.latency_ms, with_answers=self.with_answers
            )

    def add_edge(self, cells: Gathered, row: Row) -> None:
        cell = self.add_counts(cells, row, source=Source.LOGS)
        cell.latencies.total += row.latency_ms
        if self.tells_answers:
            for method, status_code, requests in zip(row.methods, row.status_codes, row.counts, strict=True):
                cell.answers[method, status_code] += requests
        for bucket, requests in zip(row.buckets, row.counts, strict=True):
            if bucket is not None:
                cell.latencies.add_bucket(bucket, requests)

    def add_counts(self, cells: Gathered, row: Row, *, source: str) -> Cell:
        start = None if row.start is None else datetime.fromtimestamp(row.start, tz=UTC)
        cells.sources.add(source)
        cell = cells[Slot(start, row.group)]
        # From requests to the sum of latencies; what is packed has a way of its own.
        rollups.add_row(cell, [*row[3:10], None])
        return cell

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
        # Asked for each of thousands of facts: no dictionary of all answers is made for one.
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


def answer_condition(question: Question) -> tuple[str, list[Any]]:
    """What leaves the answers that the filters on method and status ask for; see Question.takes_answer."""
    filters = question.filters
    asked: list[tuple[str, Any]] = []
    if "method" in filters:
        asked.append((f"{METHOD} = %s", filters["method"].upper()))
    if "status_code" in filters:
        asked.append((f"{STATUS} = %s", str(filters["status_code"])))
    if "status_class" in filters:
        asked.append((f"{STATUS_CLASS} = %s", filters["status_class"]))
    text = " AND ".join(condition for condition, _ in asked)
    return (f" WHERE {text}" if text else ""), [value for _, value in asked]


# Of the subjects of answers: see monitor.metrics.cells.subject_of_answer.
METHOD = "left(subject, -strpos(reverse(subject), ' '))"
STATUS = "right(subject, strpos(reverse(subject), ' ') - 1)"
STATUS_CLASS = (
    f"CASE WHEN length({STATUS}) = 3 AND left({STATUS}, 1) BETWEEN '1' AND '5'"
    f" THEN left({STATUS}, 1) || 'xx' ELSE '{NO_STATUS}' END"
)
# Which group a row of metric_rollup belongs to.
ROLLUP_GROUPS = {
    None: "''",
    GroupBy.ENVIRONMENT: "environment::text",
    GroupBy.METHOD: METHOD,
    GroupBy.STATUS_CLASS: STATUS_CLASS,
    GroupBy.ENDPOINT: "subject::text",
    GroupBy.CONSUMER: "subject::text",
}
# The same of a log.
GROUPS = {
    None: "''",
    GroupBy.ENVIRONMENT: "environment::text",
    GroupBy.METHOD: "method::text",
    GroupBy.STATUS_CLASS: (
        f"CASE WHEN status_code BETWEEN 100 AND 599 THEN status_code / 100 || 'xx' ELSE '{NO_STATUS}' END"
    ),
    GroupBy.ENDPOINT: "coalesce(endpoint_id::text, '')",
    GroupBy.CONSUMER: "coalesce(consumer_id::text, '')",
}
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
