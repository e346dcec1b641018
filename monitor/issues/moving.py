"""Issues of an endpoint that became another's."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from monitor.issues.grouping import ISSUES_LOCK, newest_of
from monitor.models import ErrorIssue, ErrorIssueConsumer, RequestLog

ADD_HOURS = (
    "INSERT INTO error_issue_hour (issue_id, start, requests)"
    " SELECT %(into)s, start, requests FROM error_issue_hour WHERE issue_id = %(gone)s"
    " ON CONFLICT (issue_id, start) DO UPDATE SET requests = error_issue_hour.requests + EXCLUDED.requests"
)
ADD_CONSUMERS = (
    "INSERT INTO error_issue_consumer (issue_id, consumer_id, requests, last_seen_at)"
    " SELECT %(into)s, consumer_id, requests, last_seen_at FROM error_issue_consumer"
    " WHERE issue_id = %(gone)s ON CONFLICT (issue_id, consumer_id) DO UPDATE"
    " SET requests = error_issue_consumer.requests + EXCLUDED.requests,"
    " last_seen_at = greatest(error_issue_consumer.last_seen_at, EXCLUDED.last_seen_at)"
)
SAMPLES_A_BITE = 1000
# Which of these logs are of the paths in question.
Belonging = Callable[[Collection[UUID]], set[UUID]]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Issues of an endpoint by whether they are of some paths alone, or of others too."""

    whole: frozenset[UUID]
    shared: frozenset[UUID]


def shares_of(endpoint_id: UUID, belonging: Belonging) -> Shares:
    """Those of no sample that is left are of neither."""
    samples = dict(ErrorIssue.objects.filter(endpoint=endpoint_id).values_list("id", "samples"))
    wanted = [log_id for ids in samples.values() for log_id in ids]
    there: set[UUID] = set()
    belong: set[UUID] = set()
    for start in range(0, len(wanted), SAMPLES_A_BITE):
        bite = wanted[start : start + SAMPLES_A_BITE]
        there.update(RequestLog.objects.filter(id__in=bite).values_list("id", flat=True))
        belong |= belonging(bite)
    left = {issue_id: there.intersection(ids) for issue_id, ids in samples.items()}
    met = {issue_id for issue_id, ids in left.items() if ids & belong}
    whole = {issue_id for issue_id in met if left[issue_id] <= belong}
    return Shares(whole=frozenset(whole), shared=frozenset(met - whole))


@transaction.atomic
def move_issues(source_id: UUID, target_id: UUID, *, reported_alone: bool = False) -> None:
    """The issues of one endpoint, or those that clients counted, become those of another; two that are alike
    become one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ISSUES_LOCK])
    both = ErrorIssue.objects.filter(endpoint__in=(source_id, target_id))
    rows = list(both.select_for_update(no_key=True).order_by("id"))
    there = {(row.mode, row.fingerprint): row for row in rows if row.endpoint_id == target_id}
    for issue in (row for row in rows if row.endpoint_id == source_id):
        if reported_alone and not issue.is_reported:
            continue
        alike = there.get((issue.mode, issue.fingerprint))
        if alike is None:
            issue.endpoint_id = target_id
            issue.save(update_fields=["endpoint"])
        else:
            merge(issue, alike)


def merge(gone: ErrorIssue, into: ErrorIssue) -> None:
    with connection.cursor() as cursor:
        for statement in (ADD_HOURS, ADD_CONSUMERS):
            cursor.execute(statement, {"into": into.id, "gone": gone.id})
    into.count(gone.requests, first=gone.first_seen_at, last=gone.last_seen_at)
    into.samples = newest_of([*into.samples, *gone.samples])
    into.consumers = ErrorIssueConsumer.objects.filter(issue=into).count()
    into.save()
    gone.delete()
