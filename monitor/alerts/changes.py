"""What a round has to write: how groups stand, how they came there and what is told, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from monitor.alerts.evaluations import keep_evaluations
from monitor.alerts.judge import lock_rules
from monitor.alerts.quiet import Quiet
from monitor.alerts.telling import Notice, try_to_tell
from monitor.models import AlertEvaluation, AlertGroup, AlertRule
from monitor.models.alerts import EventKind


@dataclass(kw_only=True)
class Changes:
    """What a round has to write."""

    new: list[AlertGroup] = field(default_factory=list)
    known: list[AlertGroup] = field(default_factory=list)
    gone: list[AlertGroup] = field(default_factory=list)
    evaluations: list[AlertEvaluation] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    broken: list[tuple[AlertRule, str]] = field(default_factory=list)
    mended: list[AlertRule] = field(default_factory=list)
    quiet: Quiet = field(default_factory=Quiet)


@transaction.atomic
def keep_changes(changes: Changes, *, now: datetime) -> int:
    """Write it all, all or nothing. Gives how many notices were told."""
    concerned = {group.rule_id for group in changes.new}
    concerned |= {notice.rule.id for notice in changes.notices if notice.rule}
    # Locked first: what was paused, or removed with its service, during the round has told its end already.
    there = still_judged(lock_rules(concerned))
    AlertGroup.objects.bulk_create(
        [group for group in changes.new if group.rule_id in there], ignore_conflicts=True
    )
    update_groups(changes.known)
    AlertGroup.objects.filter(id__in=[group.id for group in changes.gone]).delete()
    keep_evaluations(changes.evaluations, now=now)
    for rule, error in changes.broken:
        AlertRule.objects.filter(id=rule.id).update(last_error=error, last_error_at=now)
    if changes.mended:
        ids = [rule.id for rule in changes.mended]
        AlertRule.objects.filter(id__in=ids).update(last_error="", last_error_at=None)
    told = 0
    for notice in changes.notices:
        if notice.rule is not None and notice.rule.id in there:
            if try_to_tell(notice, rule=notice.rule):
                told += 1
            elif notice.kind in (EventKind.FIRING, EventKind.REMINDER):
                # Nobody heard of it: it is tried again the next minute.
                AlertGroup.objects.filter(rule=notice.rule, label=notice.group).update(told_at=None)
    return told


def still_judged(rule_ids: set[UUID]) -> set[UUID]:
    return set(AlertRule.objects.awake().filter(id__in=rule_ids).values_list("id", flat=True))


UPDATE = """
UPDATE alert_group SET state = n.state, since = n.since, value = n.value, requests = n.requests,
    breaching_since = n.breaching_since, fired_at = n.fired_at, told_at = n.told_at, seen_at = n.seen_at,
    -- An acknowledgement may have come during the round: only one that the round read as over is taken away.
    acknowledged_until = CASE WHEN n.fired_at IS NULL OR acknowledged_until <= n.evaluated_at
        THEN NULL ELSE acknowledged_until END,
    evaluated_at = n.evaluated_at, recorded_at = n.recorded_at,
    usual_low = n.usual_low, usual_high = n.usual_high, usual_of = n.usual_of
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::float8[], %s::int8[], %s::timestamptz[],
    %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
    %s::float8[], %s::float8[], %s::timestamptz[])
    AS n (id, state, since, value, requests, breaching_since, fired_at, told_at, seen_at, evaluated_at,
    recorded_at, usual_low, usual_high, usual_of)
WHERE alert_group.id = n.id
"""
UPDATED = (
    "id",
    "state",
    "since",
    "value",
    "requests",
    "breaching_since",
    "fired_at",
    "told_at",
    "seen_at",
    "evaluated_at",
    "recorded_at",
    "usual_low",
    "usual_high",
    "usual_of",
)


def update_groups(groups: Sequence[AlertGroup]) -> None:
    """All of them by one statement: bulk_update builds a CASE for each field and takes ten times as long."""
    if groups:
        with connection.cursor() as cursor:
            cursor.execute(UPDATE, [[getattr(group, name) for group in groups] for name in UPDATED])
