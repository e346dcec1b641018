"""End what rules told when no round will find it over: they are changed, paused or removed, alone or with
their service, or what they are judged by has had no requests for so long that it is forgotten. A receiver
would else show it for ever."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from monitor.alerts.burning import subject_in
from monitor.alerts.notices import Notice, incident_of, of_group
from monitor.alerts.telling import try_to_tell
from monitor.models import AlertGroup, AlertRule
from monitor.models.alerts import EventKind


@transaction.atomic
def remove_rule(rule: AlertRule, *, now: datetime) -> None:
    """The rule and its events are gone, and what it told is over."""
    # First the row: logs that fire the rule hold it until their events can be seen, and removed.
    there = AlertRule.objects.select_for_update(of=("self",)).select_related("service")
    if (current := there.filter(id=rule.id).first()) is not None:
        forget_groups(current, "the rule was removed", now=now)
    rule.delete()


@transaction.atomic
def end_all_of(service_id: UUID, *, now: datetime) -> None:
    """What the rules of a service told is over, as it is removed in the same transaction.

    The rules stay locked until then: a round that judged them meanwhile waits, and finds them asleep.
    """
    rules = AlertRule.objects.select_for_update(of=("self",)).filter(service_id=service_id)
    for rule in rules.select_related("service").order_by("id"):
        forget_groups(rule, "its service was removed", now=now)


@transaction.atomic
def forget_groups(rule: AlertRule, why: str, *, now: datetime) -> None:
    """Forget how the groups of the rule stand. What was told to have begun ends, under its own name."""
    groups = list(AlertGroup.objects.select_for_update().filter(rule=rule).order_by("id"))
    for group in groups:
        if group.is_told:
            try_to_tell(ending_of(rule, group, why, now=now), rule=rule)
    AlertGroup.objects.filter(id__in=[group.id for group in groups]).delete()


def ending_of(rule: AlertRule, group: AlertGroup, why: str, *, now: datetime) -> Notice:
    return Notice(
        organization_id=rule.service.organization_id,
        severity=rule.severity,
        rule=rule,
        kind=EventKind.RESOLVED,
        message=f"{rule.name}{of_group(rule, group.label)} is over: {why}",
        at=now,
        key=incident_of(rule, group.key, group.fired_at or now),
        group=group.label,
        group_key=subject_in(rule, group.key),
        value=group.value,
    )
