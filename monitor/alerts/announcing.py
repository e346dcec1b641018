"""What channels are told of rules: a notice with its numbers, and the requests that it speaks of."""

from uuid import UUID

from django.conf import settings

from monitor.alerts.measures import RANKS
from monitor.alerts.notices import Notice
from monitor.channels import Announcement, Look
from monitor.models import AlertRule, Consumer
from monitor.models.alerts import (
    OF_NOTHING,
    Direction,
    EventKind,
    Measure,
    Per,
    RuleKind,
    length_text,
    value_text,
)
from monitor.models.channels import Subject

WORDS = {
    EventKind.FIRING: "Firing",
    EventKind.REMINDER: "Still firing",
    EventKind.RESOLVED: "Resolved",
    EventKind.ERROR: "Cannot be judged",
    EventKind.MATCH: "Matched",
    EventKind.NEWS: "New",
    EventKind.DIGEST: "More of",
}
OF_FAILURES = frozenset({Measure.ERROR_RATE, Measure.ERROR_COUNT})


def announcement_of(notice: Notice) -> Announcement:
    """The notice as channels take it."""
    if notice.rule is None or notice.kind == EventKind.ERROR:
        # A digest is of no rule; and of one that cannot be judged, its numbers may be what is wrong with it.
        return in_words(notice)
    return in_full(notice, notice.rule)


def in_words(notice: Notice) -> Announcement:
    rule = notice.rule
    page = f"{settings.PUBLIC_URL}/alerts-ui" + (f"/{rule.id}" if rule else "")
    return Announcement(
        organization_id=notice.organization_id,
        subject=Subject.ALERT,
        kind=notice.kind,
        severity=notice.severity,
        service_id=rule.service_id if rule else None,
        environment=rule.environment if rule else "",
        key=notice.key,
        title=f"{WORDS[EventKind.ERROR]}: {rule.name}" if rule else "More alerts than were told",
        message=notice.message,
        happened_at=notice.at,
        facts=[("Service", rule.service.name)] if rule else [],
        links=[("Rule" if rule else "Alerts", page)],
        values={"rule": rule.name, "rule_id": rule.id} if rule else {},
    )


def in_full(notice: Notice, rule: AlertRule) -> Announcement:
    look = look_of(notice, rule)
    group = f" ({notice.group})" if notice.group else ""
    return Announcement(
        organization_id=notice.organization_id,
        subject=Subject.ALERT,
        kind=notice.kind,
        severity=notice.severity,
        service_id=rule.service_id,
        environment=environment_of(notice, rule),
        key=notice.key,
        is_closing=notice.kind == EventKind.RESOLVED,
        title=f"{WORDS.get(notice.kind, str(notice.kind))}: {rule.name}{group}",
        message=notice.message,
        happened_at=notice.at,
        facts=facts_of(notice, rule),
        links=links_of(notice, rule, look),
        look=look,
        values={
            "rule": rule.name,
            "rule_id": rule.id,
            "condition": rule.condition,
            "group": notice.group,
            "value": notice.value,
            "threshold": rule.threshold,
            "measure": rule.measure,
        },
    )


def environment_of(notice: Notice, rule: AlertRule) -> str:
    return notice.group_key if rule.per == Per.ENVIRONMENT else rule.environment


def facts_of(notice: Notice, rule: AlertRule) -> list[tuple[str, str]]:
    facts = [("Service", rule.service.name)]
    if rule.kind == RuleKind.SLO:
        facts += [("Burn rate", f"{notice.value or 0:.3g} times as fast as it may")]
        facts += [("Threshold", f"{rule.target:.6g} % in {rule.period_days} days")]
    elif rule.measure:
        facts += [("Value", value_text(rule.measure, notice.value))]
        facts += [("Threshold", f"{rule.direction} {value_text(rule.measure, rule.threshold)}")]
    if notice.group:
        facts += [(word_of_group(rule), notice.group)]
    if environment := environment_of(notice, rule):
        facts += [("Environment", environment)]
    if notice.since and notice.until:
        length = length_text(round((notice.until - notice.since).total_seconds()))
        facts += [("Window", f"{length}, {notice.since:%Y-%m-%d %H:%M} to {notice.until:%H:%M} UTC")]
    facts += [("Severity", notice.severity), ("Rule", rule.condition)]
    return facts + ([("Notes", rule.notes[:500])] if rule.notes else [])


def word_of_group(rule: AlertRule) -> str:
    if rule.per:
        return str(Per(rule.per).label).capitalize()
    # News are of something that came for the first time, and of no group that is judged.
    return "New" if rule.is_of_news else "State"


def links_of(notice: Notice, rule: AlertRule, look: Look | None) -> list[tuple[str, str]]:
    links = [("Requests", look.address)] if look else []
    if notice.event is not None and notice.event.log_id:
        links += [("Request", f"{settings.PUBLIC_URL}/log/{notice.event.log_id}")]
    links += [("Rule", f"{settings.PUBLIC_URL}/alerts-ui/{rule.id}")]
    return links + ([("Runbook", rule.runbook_url)] if rule.runbook_url else [])


def look_of(notice: Notice, rule: AlertRule) -> Look | None:
    """The requests of the window, narrowed as the rule is: none where it fires because there are none."""
    if notice.since is None or notice.until is None or rule.kind in OF_NOTHING:
        return None
    is_latency = rule.measure in RANKS or rule.measure == Measure.APDEX
    is_above = rule.measure in RANKS and rule.direction == Direction.ABOVE
    consumer = group_consumer(notice, rule)
    return Look(
        service_id=rule.service_id,
        since=notice.since,
        until=notice.until,
        endpoint_id=UUID(notice.group_key) if is_of(notice, rule, Per.ENDPOINT) else rule.endpoint_id,
        consumer=consumer.identifier if consumer else rule.consumer,
        consumer_id=consumer.id if consumer else None,
        environment=environment_of(notice, rule),
        tag=rule.tag,
        status_class=rule.status_class if rule.measure == Measure.STATUS_SHARE else "",
        min_latency_ms=rule.threshold if is_above and notice.kind != EventKind.RESOLVED else None,
        order="slowest" if is_latency else "failed" if rule.measure in OF_FAILURES else "newest",
    )


def is_of(notice: Notice, rule: AlertRule, per: Per) -> bool:
    return rule.per == per and bool(notice.group_key)


def group_consumer(notice: Notice, rule: AlertRule) -> Consumer | None:
    if not is_of(notice, rule, Per.CONSUMER):
        return None
    return Consumer.objects.filter(id=notice.group_key).first()
