"""Issues of an endpoint of which some paths became another's.

The requests that are kept say whose each count is: those of the paths leave their issue for one of the new
endpoint, with their hours, consumers and samples. What an issue counted of requests that are gone cannot be
told apart. It stays, unless all that is known of the issue was of the paths.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, Sum

from monitor.issues.findings import VALIDATION_STATUSES
from monitor.issues.grouping import (
    HOURS_KEPT,
    ISSUES_LOCK,
    Failure,
    Key,
    Tally,
    bites,
    key_of,
    newest_of,
    read_failures,
    tally_up,
    write_consumers,
    write_hours,
)
from monitor.issues.moving import merge
from monitor.models import ErrorArrival, ErrorIssue, ErrorIssueConsumer, ErrorIssueHour, RequestLog, arrivals
from monitor.models.logs import FAILED, RequestLogQuerySet

TAKE_HOURS = (
    "UPDATE error_issue_hour AS there SET requests = greatest(there.requests - taken.requests, 0)"
    " FROM unnest(%s::timestamptz[], %s::int8[]) AS taken (start, requests)"
    " WHERE there.issue_id = %s AND there.start = taken.start"
)
TAKE_CONSUMERS = (
    "UPDATE error_issue_consumer AS there SET requests = greatest(there.requests - taken.requests, 0)"
    " FROM unnest(%s::uuid[], %s::int8[]) AS taken (consumer_id, requests)"
    " WHERE there.issue_id = %s AND there.consumer_id = taken.consumer_id"
)
# Of an issue that lost its samples: so many of its endpoint's newest failures are read to find others.
READ_FOR_SAMPLES = 500


@contextmanager
def issues_lock() -> Iterator[None]:
    """Nobody groups failures within. Taken before a transaction, so that its snapshot is later."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ISSUES_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ISSUES_LOCK])


def failures_among(logs: RequestLogQuerySet) -> list[UUID]:
    """The logs that may belong to issues."""
    return list(logs.filter(FAILED | Q(status_code__in=VALIDATION_STATUSES)).values_list("id", flat=True))


def divide_issues(source_id: UUID, target_id: UUID, ids: Sequence[UUID], *, now: datetime) -> set[UUID]:
    """Take what these logs, which are the target's by now, have counted in the source's issues over to the
    target's. Gives the issues that were divided.

    In the transaction that moved the logs, within `issues_lock`: so each log is taken once. Those whose note
    still waits are in no issue, and will be grouped as the target's.
    """
    there = {(issue.mode, issue.fingerprint): issue for issue in issues_at(source_id)}
    if not there or not ids:
        return set()
    waiting = set(arrivals.joined(ErrorArrival.objects.values_list("ids", flat=True)))
    tallies: dict[Key, Tally] = {}
    for bite in bites(each for each in ids if each not in waiting):
        tally_up(tallies, read_failures(bite))
    divided: set[UUID] = set()
    for key, tally in tallies.items():
        issue = there.get((key.mode, key.fingerprint))
        if issue is not None:
            hand_over(issue, tally, target_id, now=now)
            divided.add(issue.id)
    return divided


def issues_at(endpoint_id: UUID) -> list[ErrorIssue]:
    rows = ErrorIssue.objects.filter(endpoint=endpoint_id)
    return list(rows.select_for_update(no_key=True).order_by("id"))


def hand_over(issue: ErrorIssue, tally: Tally, target_id: UUID, *, now: datetime) -> None:
    taken = min(tally.requests, issue.requests)
    alike = alike_at(target_id, issue) or like(issue, target_id, tally)
    # A mute that waits for so many more requests goes on waiting for as many, on both sides.
    if alike.muted_until_requests is not None:
        alike.muted_until_requests += taken
    alike.count(taken, first=tally.first, last=tally.last)
    alike.samples = newest_of([*alike.samples, *tally.samples])
    alike.save()
    write_consumers({key_of(alike): tally}, {key_of(alike): alike})
    write_hours({key_of(alike): tally}, {key_of(alike): alike}, now=now)
    issue.requests -= taken
    if issue.muted_until_requests is not None:
        issue.muted_until_requests -= taken
    issue.samples = [each for each in issue.samples if each not in set(tally.samples)]
    issue.save(update_fields=["requests", "muted_until_requests", "samples"])
    take_away(issue, tally)
    for each in (issue, alike):
        count_consumers(each)


def alike_at(endpoint_id: UUID, issue: ErrorIssue) -> ErrorIssue | None:
    found = ErrorIssue.objects.filter(endpoint=endpoint_id, mode=issue.mode, fingerprint=issue.fingerprint)
    return found.select_for_update(no_key=True).first()


def like(issue: ErrorIssue, endpoint_id: UUID, tally: Tally) -> ErrorIssue:
    """A new issue of another endpoint that stands as this one does: what people said of it holds there, too.

    Beyond a service's cap as well: there are no more of them than were there, for each split.
    """
    made = ErrorIssue.objects.get(id=issue.id)
    made.pk, made._state.adding = ErrorIssue._meta.pk.get_default(), True
    if made.muted_until_requests is not None:
        made.muted_until_requests -= made.requests
    made.endpoint_id, made.requests, made.consumers, made.samples = endpoint_id, 0, 0, []
    made.first_seen_at, made.last_seen_at = tally.first, tally.last
    made.save(force_insert=True)
    return made


def take_away(issue: ErrorIssue, tally: Tally) -> None:
    with connection.cursor() as cursor:
        for statement, counted in ((TAKE_HOURS, tally.hours), (TAKE_CONSUMERS, tally.consumers)):
            cursor.execute(statement, [list(counted), list(counted.values()), issue.id])
    ErrorIssueHour.objects.filter(issue=issue, requests=0).delete()
    ErrorIssueConsumer.objects.filter(issue=issue, requests=0).delete()


def count_consumers(issue: ErrorIssue) -> None:
    issue.consumers = ErrorIssueConsumer.objects.filter(issue=issue).count()
    issue.save(update_fields=["consumers"])


def settle(
    source_id: UUID,
    target_id: UUID,
    divided: Collection[UUID],
    *,
    until: datetime,
    whole_since: datetime,
    now: datetime,
) -> None:
    """Once their requests before `until` are divided: an issue of which nothing else is known follows with
    what is left of it, and another is told anew from what stays.

    In the transaction that divided them: afterwards nothing tells which they were. Days come one after the
    other, so what is left of later ones keeps an issue where it is. `whole_since` is from when on all logs
    are there.
    """
    for issue in issues_at(source_id):
        if issue.id not in divided:
            continue
        if is_all_taken(issue, whole_since=whole_since, now=now):
            follow(issue, target_id)
        else:
            tell_anew(issue, source_id, until=until, whole_since=whole_since)


def is_all_taken(issue: ErrorIssue, *, whole_since: datetime, now: datetime) -> bool:
    """Whether no request that is kept is left in the issue."""
    if issue.requests <= 0:
        return True
    if issue.first_seen_at >= whole_since or whole_since < now - HOURS_KEPT - timedelta(days=1):
        return False
    left = ErrorIssueHour.objects.filter(issue=issue, start__gte=whole_since)
    return not left.aggregate(requests=Sum("requests"))["requests"]


def follow(issue: ErrorIssue, target_id: UUID) -> None:
    """The issue becomes the target's; of two, the older one stays: people have its address."""
    alike = alike_at(target_id, issue)
    if alike is None:
        ErrorIssue.objects.filter(id=issue.id).update(endpoint=target_id)
    elif alike.id < issue.id:
        merge(issue, alike)
    else:
        merge(alike, issue)
        ErrorIssue.objects.filter(id=issue.id).update(endpoint=target_id)


def tell_anew(issue: ErrorIssue, source_id: UUID, *, until: datetime, whole_since: datetime) -> None:
    """Its samples, and when it was seen: to the request where that is found, else to the hour.

    Logs are read only where its newest may be among those that went, not once for each day before.
    """
    hours = ErrorIssueHour.objects.filter(issue=issue, requests__gt=0).order_by("start")
    first, last = hours.first(), hours.last()
    if first is not None and issue.first_seen_at >= whole_since:
        issue.first_seen_at = max(issue.first_seen_at, first.start)
    if last is not None and (last.start < until or not issue.samples):
        found = failures_like(issue, source_id, last.start)
        issue.samples = newest_of([*issue.samples, *(each.id for each in found)])
        end = last.start + timedelta(hours=1)
        issue.last_seen_at = max((each.captured_at for each in found), default=min(issue.last_seen_at, end))
        issue.first_seen_at = min(issue.first_seen_at, issue.last_seen_at)
    issue.save(update_fields=["samples", "first_seen_at", "last_seen_at"])
    met = ErrorIssueConsumer.objects.filter(issue=issue, last_seen_at__gt=issue.last_seen_at)
    met.update(last_seen_at=issue.last_seen_at)


def failures_like(issue: ErrorIssue, endpoint_id: UUID, since: datetime) -> list[Failure]:
    """The newest requests of the hour from `since` on that failed as the issue says."""
    logs = RequestLog.objects.of_services([issue.service_id]).filter(endpoint=endpoint_id, mode=issue.mode)
    within = logs.within(since, since + timedelta(hours=1)).newest_first()
    ids = sorted(failures_among(within)[:READ_FOR_SAMPLES])
    if not ids:
        return []
    tellings = {failure.id: (failure, error, body) for failure, error, body in read_failures(ids)}
    found = []
    for telling in tellings.values():
        tallies: dict[Key, Tally] = {}
        tally_up(tallies, [telling])
        if any(key.fingerprint == issue.fingerprint for key in tallies):
            found.append(telling[0])
    return found
