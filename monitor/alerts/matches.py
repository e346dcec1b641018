"""Tell people of logs that rules matched: at once, and then no more often than a rule's cooldown says.

The transaction that keeps the logs keeps an event for each match and leaves a note; telling is the worker's,
so that no sender waits for it. Programs were told by then: see events.drafting.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from monitor.alerts.judge import lock_rules
from monitor.alerts.quiet import quiet_at
from monitor.alerts.telling import Notice, try_to_tell
from monitor.models import AlertEvent, AlertRule, AlertTally
from monitor.models.alerts import EventKind, RuleKind

NOTES_A_ROUND = 10_000
TAKE = """
DELETE FROM alert_arrival WHERE id IN (
    SELECT id FROM alert_arrival ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING id, rule_id, matches, event_id
"""


@dataclass(frozen=True, kw_only=True)
class Matches:
    """How many logs a rule matched since the last look, and the event of the last."""

    count: int
    event_id: UUID


def tell_matches(*, now: datetime) -> int:
    """Tell what has come, and what waited for its rule's cooldown. Gives how many notices were told."""
    told = 0
    while True:
        taken, notices = tell_round(now=now)
        told += notices
        if taken < NOTES_A_ROUND:
            return told


@transaction.atomic
def tell_round(*, now: datetime) -> tuple[int, int]:
    """Notes go and notices come in one transaction: each match is told of once. Gives how many of both."""
    taken, arrived = take_notes()
    # Locked first, so that no tally or event is written for a rule that is being removed.
    there = lock_rules({*arrived, *still_to_tell()})
    rules = AlertRule.objects.awake().filter(id__in=there, kind=RuleKind.LOG).select_related("service")
    tallies = AlertTally.objects.select_for_update().in_bulk(list(there))
    quiet = quiet_at(now)
    notices = 0
    for rule in rules.order_by("id"):
        tally = tallies.get(rule.id) or AlertTally(rule=rule)
        add(tally, arrived.get(rule.id))
        if quiet.covers(rule):
            # Its events are there for who looks; when the silence ends it would be old news.
            tally.waiting = 0
        elif is_due(rule, tally, now=now):
            notices += tell_of(rule, tally, now=now)
        notices += tell_error(rule, tally, now=now)
        tally.save()
    # What a paused rule had still to say, nobody waits for.
    AlertTally.objects.filter(rule__in=there, rule__is_active=False).update(waiting=0)
    return taken, notices


def still_to_tell() -> set[UUID]:
    """The rules that have something waiting, and those that broke or were mended."""
    rules = AlertRule.objects.filter(kind=RuleKind.LOG)
    is_broken, is_told = ~Q(last_error=""), Q(tally__has_told_error=True)
    concerned = rules.filter(Q(tally__waiting__gt=0) | (is_broken & ~is_told) | (~is_broken & is_told))
    return set(concerned.values_list("id", flat=True))


def take_notes() -> tuple[int, Mapping[UUID, Matches]]:
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [NOTES_A_ROUND])
        notes = sorted(cursor.fetchall())
    return len(notes), by_rule((rule_id, count, event_id) for _, rule_id, count, event_id in notes)


def by_rule(notes: Iterable[tuple[UUID, int, UUID]]) -> dict[UUID, Matches]:
    added: dict[UUID, Matches] = {}
    for rule_id, count, event_id in notes:
        before = added[rule_id].count if rule_id in added else 0
        added[rule_id] = Matches(count=before + count, event_id=event_id)
    return added


def add(tally: AlertTally, matches: Matches | None) -> None:
    if matches is not None:
        tally.waiting += matches.count
        tally.event_id = matches.event_id


def is_due(rule: AlertRule, tally: AlertTally, *, now: datetime) -> bool:
    if not tally.waiting:
        return False
    return tally.told_at is None or now - tally.told_at >= timedelta(seconds=rule.cooldown_s)


def tell_of(rule: AlertRule, tally: AlertTally, *, now: datetime) -> int:
    """All that waits as one notice, which is the last match and how many more there were."""
    event = AlertEvent.objects.filter(id=tally.event_id).first() if tally.event_id else None
    if event is None:  # removed with its service's old events
        tally.waiting = 0
        return 0
    more, since = tally.waiting - 1, tally.told_at
    others = f" (+{more:,} more{f' since {since:%H:%M} UTC' if since else ''})" if more else ""
    is_told = try_to_tell(
        Notice(
            organization_id=rule.service.organization_id,
            severity=rule.severity,
            rule=rule,
            kind=EventKind.MATCH,
            message=event.message + others,
            at=now,
            key=f"{rule.id}:{event.id}",
            event=event,
        ),
        rule=rule,
    )
    if is_told:
        tally.waiting, tally.told_at = 0, now
    # What could not be told waits for the next minute.
    return int(is_told)


def tell_error(rule: AlertRule, tally: AlertTally, *, now: datetime) -> int:
    """Once for as long as the rule cannot be judged; its page goes on saying so. Gives how many notices were
    told. That it could not be told of is told by `try_to_tell`."""
    is_broken = bool(rule.last_error) and not rule.is_untold
    is_news = is_broken and not tally.has_told_error
    tally.has_told_error = is_broken
    if is_news:
        return int(
            try_to_tell(
                Notice(
                    organization_id=rule.service.organization_id,
                    severity=rule.severity,
                    rule=rule,
                    kind=EventKind.ERROR,
                    message=f"{rule.name} cannot be judged: {rule.last_error}",
                    at=now,
                    key=f"{rule.id}:error",
                ),
                rule=rule,
            )
        )
    return 0
