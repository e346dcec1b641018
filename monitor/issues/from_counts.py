"""Turn errors that clients counted into issues, where no log tells of them.

A client that reports both tells of the same failures twice, so logs come first: where one of the endpoint's
day failed like this, they speak, and the counts are left to the list of what clients report. Each row knows
how much of it is in an issue, so that nothing is counted twice.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from django.db import connection, transaction
from django.db.models import F, Q

from monitor.issues.findings import VALIDATION_STATUSES, Finding
from monitor.issues.grouping import ISSUES_LOCK, Key, Tallies, Tally, hour_of, write
from monitor.issues.messages import field_path, headline, normalize
from monitor.models import ErrorCount, RequestLog, Service
from monitor.models.clients import ErrorKind
from monitor.models.issues import IssueKind
from monitor.models.logs import FAILED

ROWS_A_ROUND = 500
# Clients tell of errors before the requests they happened in, in a message of its own.
LOGS_MAY_FOLLOW = timedelta(seconds=60)


def group_counts(*, now: datetime) -> int:
    """Group all that clients counted. Gives how many rows were looked at, 0 also when another worker is at
    it."""
    grouped = 0
    while taken := group_counts_round(now=now):
        grouped += taken
        if taken < ROWS_A_ROUND:
            break
    return grouped


@transaction.atomic
def group_counts_round(*, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ISSUES_LOCK])
        if cursor.fetchone() != (True,):
            return 0
    rows = waiting(now)
    tallies: Tallies = {}
    for row in rows:
        if not logs_tell(row):
            add(tallies, row)
        row.grouped = row.count
    if tallies:
        write(tallies, now=now)
    ErrorCount.objects.bulk_update(rows, ["grouped"])
    return len(rows)


def waiting(now: datetime) -> Sequence[ErrorCount]:
    """Rows that have grown, locked: their client may be about to add to them."""
    grown = ErrorCount.objects.filter(count__gt=F("grouped"), first_seen_at__lte=now - LOGS_MAY_FOLLOW)
    alive = grown.filter(service__in=Service.objects.alive())
    return list(alive.select_for_update(no_key=True, of=("self",)).order_by("id")[:ROWS_A_ROUND])


def logs_tell(row: ErrorCount) -> bool:
    """Whether a log of its endpoint, environment and day failed in this way."""
    is_validation = row.kind == ErrorKind.VALIDATION
    alike = Q(status_code__in=VALIDATION_STATUSES) if is_validation else FAILED
    since = datetime.combine(row.day, time(), UTC)
    logs = RequestLog.objects.of_services([row.service_id]).within(since, since + timedelta(days=1))
    of_place = logs.filter(endpoint=row.endpoint_id, environment=row.environment, mode=row.mode)
    return of_place.filter(alike).exists()


def add(tallies: Tallies, row: ErrorCount) -> None:
    finding = finding_of(row)
    times = row.count - row.grouped
    tally = Tally(
        finding=finding,
        first=row.last_seen_at if row.grouped else row.first_seen_at,
        last=row.last_seen_at,
        requests=times,
        hours=Counter({hour_of(row.last_seen_at): times}),
        consumers=Counter({row.consumer_id: times} if row.consumer_id else {}),
    )
    key = Key(row.service_id, row.endpoint_id, row.mode, finding.fingerprint)
    if key in tallies:
        tallies[key].merge(tally)
    else:
        tallies[key] = tally


def finding_of(row: ErrorCount) -> Finding:
    if row.kind == ErrorKind.VALIDATION:
        kind, message = IssueKind.VALIDATION, row.message or row.type
    else:
        kind, message = IssueKind.SERVER, ": ".join(part for part in (row.type, row.message) if part)
    return Finding(
        kind=kind.value,
        field=field_path(list(row.field.split("."))) if row.field else "",
        message=normalize(headline(message)),
        is_reported=True,
    )
