"""Turn noted logs into issues.

Every round takes some notes away and adds what their logs say, in one transaction: a round that is cut
short has done nothing, and nothing can be counted twice.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from monitor.audit import record
from monitor.issues.findings import Finding, findings_of, needs_body
from monitor.lib.payload import PayloadCorrupt, PayloadTooLarge
from monitor.models import Endpoint, ErrorIssue, LogPayload, RequestLog, Service, arrivals
from monitor.models.dictionaries import unpack_log
from monitor.models.issues import IssueKind
from monitor.models.services import OTHER

# Whoever makes issues or counts into them holds this lock. Any number will do.
ISSUES_LOCK = 7_120_403
# A note holds the failures of one transaction, 2,000 at most but for a large batch.
NOTES_A_ROUND = 100
LOGS_A_BITE = 500
MAX_SAMPLES = 10
# The row holds so much of an error text; the payload the rest.
ROW_ERROR_CHARS = 2048
# How long an issue is kept that nobody sees any more, and its hours: as long as a chart of it is worth it.
ISSUES_KEPT = timedelta(days=90)
HOURS_KEPT = timedelta(days=30)


class Key(NamedTuple):
    """What an issue is one of. `endpoint` is None for the one that stands for all beyond the cap."""

    service: UUID
    endpoint: UUID | None
    mode: str
    fingerprint: str


class Failure(NamedTuple):
    """A log that failed, as its row has it."""

    id: UUID
    service_id: UUID
    endpoint_id: UUID | None
    consumer_id: UUID | None
    mode: str
    status_code: int | None
    error: str | None
    captured_at: datetime


@dataclass(kw_only=True)
class Tally:
    """What a round adds to an issue."""

    finding: Finding
    first: datetime
    last: datetime
    requests: int = 0
    samples: list[UUID] = field(default_factory=list)
    hours: Counter[datetime] = field(default_factory=Counter)
    consumers: Counter[UUID] = field(default_factory=Counter)

    def add(self, log: Failure) -> None:
        self.requests += 1
        self.first, self.last = min(self.first, log.captured_at), max(self.last, log.captured_at)
        self.samples = newest_of([*self.samples, log.id])
        self.hours[hour_of(log.captured_at)] += 1
        if log.consumer_id is not None:
            self.consumers[log.consumer_id] += 1

    def merge(self, other: "Tally") -> None:
        self.requests += other.requests
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.samples = newest_of([*self.samples, *other.samples])
        self.hours += other.hours
        self.consumers += other.consumers


Tallies = dict[Key, Tally]
BEYOND = Finding(kind=IssueKind.SERVER.value, field="", message=OTHER)


def newest_of(ids: Iterable[UUID]) -> list[UUID]:
    """Ids carry the time."""
    return sorted(set(ids), reverse=True)[:MAX_SAMPLES]


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def group_errors(*, now: datetime) -> int:
    """Group all notes that are committed. Gives how many were; 0 also when another worker is at it."""
    grouped = 0
    while taken := group_round(now=now):
        grouped += taken
        if taken < NOTES_A_ROUND:
            break
    return grouped


@transaction.atomic
def group_round(*, now: datetime, limit: int = NOTES_A_ROUND) -> int:
    """Group at most `limit` notes. Gives how many were; 0 also when another worker is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ISSUES_LOCK])
        if cursor.fetchone() != (True,):
            return 0
        # Notes that are committed later with a lower id are found the next time.
        cursor.execute(
            "DELETE FROM error_arrival WHERE id IN (SELECT id FROM error_arrival ORDER BY id LIMIT %s)"
            " RETURNING ids",
            [limit],
        )
        notes = [row[0] for row in cursor.fetchall()]
    tallies: Tallies = {}
    for ids in bites(arrivals.joined(notes)):
        tally_up(tallies, read_failures(ids))
    if tallies:
        write(tallies, now=now)
    return len(notes)


def bites(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    """In the order of ids, so that a bite lies within few days."""
    rest = iter(sorted(ids))
    while bite := list(islice(rest, LOGS_A_BITE)):
        yield bite


def read_failures(ids: Sequence[UUID]) -> list[tuple[Failure, str | None, str | None]]:
    """The logs that are still there, each with its whole error text and the body of its answer."""
    alive = Service.objects.alive().values("id")
    # Between two ids, so that the other days are not opened.
    rows = RequestLog.objects.filter(id__gte=ids[0], id__lte=ids[-1], id__in=ids, service__in=alive)
    logs = [Failure._make(row) for row in rows.values_list(*Failure._fields)]
    contents = read_contents([log for log in logs if needs_payload(log)])
    return [
        (log, read.get("error", log.error), read.get("response_body"))
        for log in logs
        for read in [contents.get(log.id, {})]
    ]


def needs_payload(log: Failure) -> bool:
    return needs_body(log.status_code, log.error) or len(log.error or "") >= ROW_ERROR_CHARS


def read_contents(logs: Sequence[Failure]) -> Mapping[UUID, dict[str, str]]:
    if not logs:
        return {}
    ids = [log.id for log in logs]
    rows = LogPayload.objects.filter(log_id__gte=min(ids), log_id__lte=max(ids), log_id__in=ids)
    return {log_id: contents_of(packed) for log_id, packed in rows.values_list("log_id", "packed")}


def contents_of(packed: bytes | memoryview) -> dict[str, str]:
    try:
        contents = unpack_log(packed)
    except (PayloadCorrupt, PayloadTooLarge):
        return {}  # the row still tells that it failed
    return {name: contents[name] for name in ("error", "response_body") if name in contents}


def tally_up(tallies: Tallies, failures: Iterable[tuple[Failure, str | None, str | None]]) -> None:
    for log, error, body in failures:
        for finding in findings_of(status_code=log.status_code, error=error, body=body):
            key = Key(log.service_id, log.endpoint_id, log.mode, finding.fingerprint)
            if key not in tallies:
                tallies[key] = Tally(finding=finding, first=log.captured_at, last=log.captured_at)
            tallies[key].add(log)


# --- Writing -----------------------------------------------------------------------------------------------


def write(tallies: Tallies, *, now: datetime) -> None:
    """Count into the issues that are there, and make the others. The caller holds ISSUES_LOCK."""
    known = find(tallies)
    capped = within_cap(tallies, known)
    known |= find(key for key in capped if key not in known)
    make([key for key in capped if key not in known], capped)
    # Again, as they are now: someone may have changed a state meanwhile, and waits from here on.
    known = find(capped, locked=True)
    newcomers = write_consumers(capped, known)
    for key, issue in known.items():
        tally = capped[key]
        before = issue.state
        issue.count(tally.requests, first=tally.first, last=tally.last)
        if issue.state != before:
            record_turn(issue, before)
        issue.consumers += newcomers[issue.id]
        issue.samples = newest_of([*issue.samples, *tally.samples])
    ErrorIssue.objects.bulk_update(known.values(), CHANGING, batch_size=500)
    write_hours(capped, known, now=now)


CHANGING = (
    "requests",
    "consumers",
    "first_seen_at",
    "last_seen_at",
    "samples",
    "state",
    "state_changed_at",
    "state_changed_by",
    "muted_until_requests",
    "noticed_at",
)


def find(keys: Iterable[Key], *, locked: bool = False) -> dict[Key, ErrorIssue]:
    wanted = set(keys)
    found = ErrorIssue.objects.filter(
        service__in={key.service for key in wanted}, fingerprint__in={key.fingerprint for key in wanted}
    ).order_by("id")
    if locked:
        found = found.select_for_update(no_key=True)
    issues = {key_of(issue): issue for issue in found}
    return {key: issue for key, issue in issues.items() if key in wanted}


def key_of(issue: ErrorIssue) -> Key:
    return Key(issue.service_id, issue.endpoint_id, issue.mode, issue.fingerprint)


def within_cap(tallies: Tallies, known: Mapping[Key, ErrorIssue]) -> Tallies:
    """The tallies with those that are new and too many added up to one of their service and mode."""
    room: dict[UUID, int] = {}
    capped: Tallies = {}
    for key, tally in tallies.items():
        if key not in known:
            if key.service not in room:
                taken = ErrorIssue.objects.filter(service=key.service).count()
                room[key.service] = int(settings.MAX_ISSUES_PER_SERVICE) - taken
            room[key.service] -= 1
            if room[key.service] < 0:
                key = Key(key.service, None, key.mode, BEYOND.fingerprint)
                tally.finding = BEYOND
        if key in capped:
            capped[key].merge(tally)
        else:
            capped[key] = tally
    return capped


def make(keys: Sequence[Key], tallies: Tallies) -> None:
    there = set(Endpoint.objects.filter(id__in={key.endpoint for key in keys}).values_list("id", flat=True))
    ErrorIssue.objects.bulk_create(
        ErrorIssue(
            service_id=key.service,
            endpoint_id=key.endpoint,
            mode=key.mode,
            kind=tallies[key].finding.kind,
            fingerprint=key.fingerprint,
            field=tallies[key].finding.field,
            message=tallies[key].finding.message,
            is_reported=tallies[key].finding.is_reported,
            first_seen_at=tallies[key].first,
            last_seen_at=tallies[key].last,
        )
        for key in keys
        if key.endpoint is None or key.endpoint in there
    )


def write_consumers(tallies: Tallies, issues: Mapping[Key, ErrorIssue]) -> Counter[UUID]:
    """How many consumers each issue has met for the first time."""
    rows = [
        (issues[key].id, consumer_id, requests, tally.last)
        for key, tally in tallies.items()
        if key in issues
        for consumer_id, requests in tally.consumers.items()
    ]
    if not rows:
        return Counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO error_issue_consumer (issue_id, consumer_id, requests, last_seen_at)"
            " SELECT a, b, c, d FROM unnest(%s::uuid[], %s::uuid[], %s::int8[], %s::timestamptz[])"
            " AS met (a, b, c, d) WHERE EXISTS (SELECT FROM consumer WHERE consumer.id = b)"
            " ON CONFLICT (issue_id, consumer_id) DO UPDATE"
            " SET requests = error_issue_consumer.requests + EXCLUDED.requests,"
            " last_seen_at = greatest(error_issue_consumer.last_seen_at, EXCLUDED.last_seen_at)"
            # xmax is 0 in a row that was just made, and not in one that was there.
            " RETURNING issue_id, xmax = 0",
            [list(column) for column in zip(*rows, strict=True)],
        )
        return Counter(issue_id for issue_id, is_new in cursor.fetchall() if is_new)


def write_hours(tallies: Tallies, issues: Mapping[Key, ErrorIssue], *, now: datetime) -> None:
    rows = [
        (issues[key].id, start, requests)
        for key, tally in tallies.items()
        if key in issues
        for start, requests in tally.hours.items()
        if start >= now - HOURS_KEPT
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO error_issue_hour (issue_id, start, requests)"
            " SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::int8[])"
            " ON CONFLICT (issue_id, start) DO UPDATE"
            " SET requests = error_issue_hour.requests + EXCLUDED.requests",
            [list(column) for column in zip(*rows, strict=True)],
        )


def remove_old(*, now: datetime) -> None:
    """Let hours go that no chart shows, and issues that nobody has seen for long: their place is free."""
    with transaction.atomic(), connection.cursor() as cursor:
        # A round that finds such an issue again must not count into one that is being removed.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ISSUES_LOCK])
        cursor.execute("DELETE FROM error_issue_hour WHERE start < %s", [hour_of(now - HOURS_KEPT)])
        ErrorIssue.objects.filter(last_seen_at__lt=now - ISSUES_KEPT).delete()


def record_turn(issue: ErrorIssue, before: str) -> None:
    """What somebody had set was turned by requests that came."""
    record(
        "issue.updated",
        organization_id=issue.service.organization_id,
        target_type="issue",
        target_id=issue.id,
        target_label=issue.message[:300],
        changes={"state": [before, issue.state]},
    )
