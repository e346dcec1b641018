"""From one state of a group to the next, and what is to be told of it."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor.alerts.asking import Ask
from monitor.alerts.burning import subject_in
from monitor.alerts.changes import Changes
from monitor.alerts.ending import ending_of
from monitor.alerts.evaluations import EVERY
from monitor.alerts.groups import FORGOTTEN_AFTER, names_of_group
from monitor.alerts.kinds import Judgement
from monitor.alerts.notices import incident_of, of_group
from monitor.alerts.standing import Standing, Verdict, stand
from monitor.alerts.telling import Notice
from monitor.lib.ids import uuid7_at
from monitor.models import AlertEvaluation, AlertGroup, AlertRule
from monitor.models.alert_groups import GroupState
from monitor.models.alerts import EventKind, RuleKind, length_text, value_text

logger = logging.getLogger(__name__)


def follow(
    changes: Changes,
    ask: Ask,
    group: AlertGroup,
    judgement: Judgement,
    duration_ms: float,
    *,
    now: datetime,
) -> None:
    """Move the group on, and note what of it is to be written and told."""
    before = standing_of(group)
    after = stand(
        before,
        judgement.verdict,
        now=now,
        wait=seconds(ask.rule.for_s),
        is_silenced=any(changes.quiet.covers(ask.rule, name) for name in names_of_group(ask.rule, group)),
    )
    (changes.known if before else changes.new).append(group)
    if before is None or before.state != after.state or now - group.recorded_at >= EVERY:
        group.recorded_at = now
        changes.evaluations.append(evaluation(ask, group, judgement, after, duration_ms, now=now))
    take(group, after, judgement, now=now)
    kind = due_notice(ask.rule, group, before, now=now)
    if kind in (EventKind.FIRING, EventKind.REMINDER):
        group.told_at = now
    if kind is not None:
        changes.notices.append(notice_of(ask, group, kind, judgement, now=now, before=before))
    if group.fired_at is None or (group.acknowledged_until and group.acknowledged_until <= now):
        group.acknowledged_until, group.acknowledged_by = None, ""


def due_notice(
    rule: AlertRule, group: AlertGroup, before: Standing | None, *, now: datetime
) -> EventKind | None:
    """What is to be told of a group that stands as it does now: once when it fires, once when it is over.

    What fires again within the cooldown is told when that has passed, if it still fires then. An
    acknowledgement keeps reminders back, and its end is one.
    """
    if group.state == GroupState.FIRING:
        rest = now - group.told_at if group.told_at else None
        if not group.is_told:
            return EventKind.FIRING if rest is None or rest >= seconds(rule.cooldown_s) else None
        if group.acknowledged_until is not None:
            return EventKind.REMINDER if group.acknowledged_until <= now else None
        is_due = rule.remind_s and rest is not None and rest >= seconds(rule.remind_s)
        return EventKind.REMINDER if is_due else None
    is_over = group.state == GroupState.RESOLVED and was_told(before, group)
    return EventKind.RESOLVED if is_over else None


def seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


def standing_of(group: AlertGroup) -> Standing | None:
    if not group.state:
        return None
    return Standing(
        state=GroupState(group.state),
        since=group.since,
        breaching_since=group.breaching_since,
        fired_at=group.fired_at,
    )


def take(group: AlertGroup, after: Standing, judgement: Judgement | None, *, now: datetime) -> None:
    """Have the group stand so."""
    group.state, group.since = after.state, after.since
    group.breaching_since, group.fired_at = after.breaching_since, after.fired_at
    group.evaluated_at = now
    if judgement is not None:
        group.value, group.requests = judgement.value, judgement.requests
        if judgement.band is not None:
            band = judgement.band
            group.usual_low, group.usual_high, group.usual_of = band.low, band.high, band.of
        if judgement.requests or group.seen_at is None:
            group.seen_at = now


def was_told(before: Standing | None, group: AlertGroup) -> bool:
    """Whether the firing of the incident that was open before was told."""
    return bool(before and before.fired_at and group.told_at and group.told_at >= before.fired_at)


def forget(changes: Changes, rule: AlertRule, group: AlertGroup, *, now: datetime) -> None:
    changes.gone.append(group)
    if group.is_told:
        why = f"no requests for {FORGOTTEN_AFTER.days} days"
        changes.notices.append(ending_of(rule, group, why, now=now))


def note_failure(
    changes: Changes,
    ask: Ask,
    known: Mapping[str, AlertGroup],
    error: str,
    duration_ms: float,
    *,
    now: datetime,
) -> None:
    """The rule's own error: a row a minute, told once. Its incidents stay open: nothing says they ended."""
    rule = ask.rule
    logger.warning("Alert rule %s could not be judged: %s", rule.id, error)
    changes.broken.append((rule, error))
    changes.evaluations.append(
        AlertEvaluation(
            id=uuid7_at(now),
            rule_id=rule.id,
            since=ask.since,
            until=ask.until,
            state=GroupState.ERROR,
            duration_ms=duration_ms,
            error=error,
        )
    )
    for group in known.values():
        take(group, stand(standing_of(group), Verdict.FAILED, now=now, wait=timedelta()), None, now=now)
        changes.known.append(group)
    if not rule.last_error or rule.is_untold:
        changes.notices.append(
            Notice(
                organization_id=rule.service.organization_id,
                severity=rule.severity,
                rule=rule,
                kind=EventKind.ERROR,
                message=f"{rule.name} cannot be judged: {error}",
                at=now,
                key=f"{rule.id}:error",
                since=ask.since,
                until=ask.until,
            )
        )


def evaluation(
    ask: Ask, group: AlertGroup, judgement: Judgement, after: Standing, duration_ms: float, *, now: datetime
) -> AlertEvaluation:
    return AlertEvaluation(
        id=uuid7_at(now),
        rule_id=ask.rule.id,
        group=group.label,
        since=ask.since,
        until=ask.until,
        state=after.state,
        value=judgement.value,
        requests=judgement.requests,
        duration_ms=duration_ms,
    )


def notice_of(
    ask: Ask,
    group: AlertGroup,
    kind: EventKind,
    judgement: Judgement,
    *,
    now: datetime,
    before: Standing | None = None,
) -> Notice:
    rule = ask.rule
    opened = group.fired_at or (before.fired_at if before else None) or now
    return Notice(
        organization_id=rule.service.organization_id,
        severity=rule.severity,
        rule=rule,
        kind=kind,
        message=message_of(rule, group, kind, judgement, lasted=now - opened),
        at=now,
        key=incident_of(rule, group.key, opened),
        group=group.label,
        group_key=subject_in(rule, group.key),
        value=judgement.value,
        since=ask.since,
        until=ask.until,
    )


def message_of(
    rule: AlertRule, group: AlertGroup, kind: EventKind, judgement: Judgement, *, lasted: timedelta
) -> str:
    of = of_group(rule, group.label)
    seen = what_was_seen(rule, judgement)
    if kind == EventKind.RESOLVED:
        minutes = max(int(lasted.total_seconds()) // 60, 1)
        return f"{rule.name}{of} is over after {length_text(60 * minutes)}: now {seen}"
    return f"{rule.name}{of}: {seen} ({rule.condition})"


def what_was_seen(rule: AlertRule, judgement: Judgement) -> str:
    if judgement.said:
        return judgement.said
    if rule.measure:
        return value_text(rule.measure, judgement.value)
    if rule.kind == RuleKind.SILENCE:
        return f"{judgement.value or 0:,.0f} processes reporting"
    return f"{judgement.requests:,} requests"
