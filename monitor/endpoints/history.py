"""Carry out what was asked for endpoints: their logs, numbers and issues become another's, day by day.

Within a day logs and numbers change together, so the rollups equal the logs at every moment. Other processes
know the old name for a while longer; a last look takes along what they kept.
"""

from collections.abc import Collection
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import F, Q

from monitor.ingest.naming import MAX_AGE_S
from monitor.issues.dividing import divide_issues, failures_among, issues_lock, settle
from monitor.issues.moving import Shares, move_issues, shares_of
from monitor.lib.path_rules import compiled, expression_of
from monitor.metrics.compact import compact
from monitor.metrics.question import first_whole_day
from monitor.metrics.subjects import days_with_numbers, move_all, move_counts, move_some
from monitor.models import Endpoint, EndpointMove, ErrorCount, RequestLog
from monitor.models.logs import RequestLogQuerySet
from monitor.models.metrics import Source
from monitor.models.partitions import existing_days, start_of

LAST_LOOK_AFTER = timedelta(seconds=2 * MAX_AGE_S)


def carry_out(move_id: UUID, *, now: datetime) -> bool:
    """Move what there is to move; harmless to run twice. Gives whether this was the last look."""
    move = EndpointMove.objects.select_related("target").filter(id=move_id).first()
    if move is None or move.finished_at is not None:
        return True
    # The target may have been merged meanwhile.
    target_id = move.target.merged_into_id or move.target_id
    if target_id == move.source_id:
        # Merged back before it was carried out: nothing has to go anywhere.
        EndpointMove.objects.filter(id=move.id).update(finished_at=now)
        return True
    # Days of which only waiting deltas tell would not be found.
    compact(now=now)
    whole_since = first_whole_day([move.service_id], now)
    for day in sorted(days_of(move, whole_since=whole_since)):
        move_day(move, target_id, day, whole_since=whole_since, now=now)
    if not move.pattern:
        move_issues(move.source_id, target_id)
    if takes_counts(move):
        move_what_was_counted(move, target_id, now=now)
    if now < move.asked_at + LAST_LOOK_AFTER:
        return False
    EndpointMove.objects.filter(id=move.id, finished_at=None).update(finished_at=now)
    return True


def issue_shares(move: EndpointMove) -> Shares:
    """The source's issues by their samples, wherever those are by now."""

    def of_paths(ids: Collection[UUID]) -> set[UUID]:
        logs = RequestLog.objects.of_services([move.service_id]).filter(id__in=ids, method=move.method)
        return set(logs.filter(path__regex=expression_of(move.pattern)).values_list("id", flat=True))

    return shares_of(move.source_id, of_paths)


def takes_counts(move: EndpointMove) -> bool:
    """Whether what clients counted follows, too.

    At a split it does where its paths are all that the endpoint's names mean: a count names no path.
    """
    if not move.pattern:
        return True
    names = Endpoint.objects.filter(Q(id=move.source_id) | Q(merged_into=move.source_id))
    takes = compiled(move.pattern).match
    return all(
        method == move.method and takes(route) for method, route in names.values_list("method", "route")
    )


def move_what_was_counted(move: EndpointMove, target_id: UUID, *, now: datetime) -> None:
    if move.pattern:  # else they went with the logs
        for day in sorted(days_with_numbers(move.source_id, sources=[Source.CLIENT])):
            move_counts(move.service_id, day, source=move.source_id, target=target_id, now=now)
        move_issues(move.source_id, target_id, reported_alone=True)
    ErrorCount.objects.filter(endpoint=move.source_id).update(endpoint=target_id)


def days_of(move: EndpointMove, *, whole_since: datetime) -> set[date]:
    """The days that have something to move. Numbers of paths are known as long as all logs of the day are
    there; what is older stays with the source."""
    days = days_of_logs(move.source_id)
    if move.pattern:
        return {day for day in days if day >= whole_since.date()}
    return days | days_with_numbers(move.source_id)


def days_of_logs(endpoint_id: UUID) -> set[date]:
    logs = RequestLog.objects.filter(endpoint=endpoint_id)
    return {
        day
        for day in existing_days()
        if logs.within(start_of(day), start_of(day) + timedelta(days=1)).exists()
    }


def move_day(move: EndpointMove, target_id: UUID, day: date, *, whole_since: datetime, now: datetime) -> None:
    """How many logs moved is counted with them, and issues of a split are divided and settled, in one
    transaction: a worker that dies between two days leaves none half told."""

    def move_logs(since: datetime, until: datetime) -> int:
        logs = logs_to_move(move).within(since, until)
        failed = failures_among(logs) if move.pattern else []
        moved = int(logs.update(endpoint_id=target_id))
        if moved:
            EndpointMove.objects.filter(id=move.id).update(logs=F("logs") + moved)
        divided = divide_issues(move.source_id, target_id, failed, now=now)
        if divided:
            settle(move.source_id, target_id, divided, until=until, whole_since=whole_since, now=now)
        return moved

    how = move_some if move.pattern else move_all
    with issues_lock() if move.pattern else nullcontext():
        how(move.service_id, day, source=move.source_id, target=target_id, move_logs=move_logs, now=now)


def logs_to_move(move: EndpointMove) -> RequestLogQuerySet:
    logs = RequestLog.objects.of_services([move.service_id]).filter(endpoint=move.source_id)
    if not move.pattern:
        return logs
    return logs.filter(method=move.method, path__regex=expression_of(move.pattern))
