"""Issues in order, and what lists show beside each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from monitor.issues.findings import findings_of, may_tell
from monitor.issues.grouping import hour_of
from monitor.models import ErrorIssue, ErrorIssueConsumer, RequestLog
from monitor.models.issues import IssueState

# Those that somebody may want to see to.
UNRESOLVED = (IssueState.OPEN, IssueState.REGRESSED, IssueState.ACKNOWLEDGED)
TOP_CONSUMERS = 10
ON_ENDPOINT = 5
ON_CONSUMER = 10


class Order(StrEnum):
    LAST_SEEN = "last_seen"
    FIRST_SEEN = "first_seen"
    REQUESTS = "requests"
    CONSUMERS = "consumers"


COLUMNS = {
    Order.LAST_SEEN: "-last_seen_at",
    Order.FIRST_SEEN: "-first_seen_at",
    Order.REQUESTS: "-requests",
    Order.CONSUMERS: "-consumers",
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """An issue's place in a list; what it says is read for one page of them."""

    id: UUID


@dataclass(frozen=True, kw_only=True)
class Step:
    start: datetime
    requests: int


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which issues: in these states, with a part of their text, and with these values in their columns."""

    states: Sequence[str] = ()
    text: str = ""
    consumer_id: UUID | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def of(self, issues: QuerySet[ErrorIssue]) -> QuerySet[ErrorIssue]:
        issues = issues.filter(**self.fields)
        if self.consumer_id is not None:
            issues = issues.filter(affected__consumer=self.consumer_id)
        if self.states:
            issues = issues.filter(state__in=self.states)
        if self.text:
            issues = issues.filter(Q(message__icontains=self.text) | Q(field__icontains=self.text))
        return issues


def in_order(issues: QuerySet[ErrorIssue], order: Order = Order.LAST_SEEN) -> list[Place]:
    """The places of all of them: a service has a thousand at most."""
    ids = issues.order_by(COLUMNS[order], "-id").values_list("id", flat=True)
    return [Place(id=id_) for id_ in ids]


def read(places: Iterable[Place]) -> list[ErrorIssue]:
    """The issues of a page, in its order."""
    ids = [place.id for place in places]
    issues = ErrorIssue.objects.select_related("service", "endpoint").in_bulk(ids)
    return [issues[id_] for id_ in ids if id_ in issues]


def over_time(
    issues: Sequence[ErrorIssue], *, now: datetime, steps: int, step: timedelta
) -> dict[UUID, list[Step]]:
    """The requests of each in so many steps of whole hours, the last of which holds this hour."""
    end = hour_of(now) + timedelta(hours=1)
    since = end - steps * step
    counts = {issue.id: [0] * steps for issue in issues}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT issue_id, start, requests FROM error_issue_hour"
            " WHERE issue_id = ANY(%s) AND start >= %s AND start < %s",
            [list(counts), since, end],
        )
        for issue_id, start, requests in cursor.fetchall():
            counts[issue_id][(start - since) // step] += requests
    return {
        issue_id: [Step(start=since + index * step, requests=each) for index, each in enumerate(found)]
        for issue_id, found in counts.items()
    }


def samples_of(issue: ErrorIssue) -> list[RequestLog]:
    """Its newest logs that are still kept."""
    logs = RequestLog.objects.with_names().filter(id__in=issue.samples, service=issue.service_id)
    return list(logs.newest_first())


def consumers_of(issue: ErrorIssue) -> list[ErrorIssueConsumer]:
    """Whom it hit most."""
    met = ErrorIssueConsumer.objects.filter(issue=issue).select_related("consumer")
    return list(met.order_by("-requests", "consumer_id")[:TOP_CONSUMERS])


def issues_of_log(log: RequestLog, *, error: str | None, body: str | None) -> list[ErrorIssue]:
    """The issues that a log belongs to, found as grouping finds them."""
    if not may_tell(log.status_code, failed=log.failed):
        return []
    findings = findings_of(status_code=log.status_code, error=error, body=body)
    return list(
        ErrorIssue.objects.filter(
            service=log.service_id,
            endpoint=log.endpoint_id,
            mode=log.mode,
            fingerprint__in=[finding.fingerprint for finding in findings],
        ).order_by("id")
    )


def issues_met_by(consumer_id: UUID, service_ids: Sequence[UUID]) -> list[ErrorIssueConsumer]:
    """The issues of these services that a consumer met, the latest first, each with how often."""
    met = ErrorIssueConsumer.objects.filter(consumer=consumer_id, issue__service__in=list(service_ids))
    shown = met.select_related("issue__service", "issue__endpoint")
    return list(shown.order_by("-last_seen_at", "issue_id")[:ON_CONSUMER])


def unresolved_of(endpoint_id: UUID) -> list[ErrorIssue]:
    """What an endpoint's page shows: those to be seen to, the newest first."""
    issues = ErrorIssue.objects.filter(endpoint=endpoint_id, state__in=UNRESOLVED)
    return list(issues.order_by("-last_seen_at", "-id")[:ON_ENDPOINT])
