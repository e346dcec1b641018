"""The one way out: whatever rules have to say to people goes through `tell`."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from monitor.alerts.announcing import announcement_of, environment_of
from monitor.alerts.notices import Notice
from monitor.api.errors import DATABASE_AWAY
from monitor.channels import announce
from monitor.events import record_event
from monitor.events.body import rfc3339
from monitor.mail import write_to_owners
from monitor.metrics.tiles import floor
from monitor.models import AlertBudget, AlertEvent, AlertRule
from monitor.models.alerts import COULD_NOT_TELL, EventKind

logger = logging.getLogger(__name__)
__all__ = ["Notice", "tell", "tell_digests", "try_to_tell"]

MAX_MESSAGE_CHARS = 1024
MAX_ERROR_CHARS = 512
HOUR = timedelta(hours=1)
# Reminders are for people. Programs heard of each match when its log was kept.
TOLD_AS = {
    EventKind.FIRING: "alert.firing",
    EventKind.RESOLVED: "alert.resolved",
    EventKind.NEWS: "alert.firing",
}


def tell(notice: Notice) -> AlertEvent | None:
    """Tell it, in the caller's transaction: to the channels that take it, and as an event of its rule, where
    people and programs find it.

    Beyond the budget of the hour it is kept as an event that is held back, and counted for the digest.
    """
    is_held = notice.kind != EventKind.DIGEST and not spend(notice.organization_id, notice.at)
    if not is_held or notice.kind == EventKind.RESOLVED:
        # What channels were told to have begun has to end there, whatever is left of the budget; and its end
        # goes to no others.
        heard = announce([announcement_of(notice)])
        if not heard and notice.kind == EventKind.ERROR and notice.rule is not None:
            tell_owners(notice, notice.rule)
    if notice.rule is None:
        return None
    if is_for_programs(notice, notice.rule, is_held=is_held):
        tell_programs(notice, notice.rule)
    if notice.event is not None:
        if is_held:
            AlertEvent.objects.filter(id=notice.event.id).update(is_held=True)
        return notice.event
    return AlertEvent.objects.create(
        rule=notice.rule,
        kind=notice.kind,
        group=notice.group,
        value=notice.value,
        since=notice.since,
        until=notice.until,
        message=notice.message[:MAX_MESSAGE_CHARS],
        triggered_at=notice.at,
        is_held=is_held,
    )


def try_to_tell(notice: Notice, *, rule: AlertRule) -> bool:
    """Tell it by itself: what cannot be told is this rule's error, and takes nothing of others with it.

    The rule says so until it tells something again, and its owners are told once. Raises only what the
    database's absence does.
    """
    try:
        with transaction.atomic():
            tell(notice)
    except DATABASE_AWAY:
        raise
    except Exception as error:  # whatever it is, it is this rule's and nobody else's
        logger.exception("Rule %s could not be told of", rule.id)
        note_untold(rule, error, now=notice.at)
        return False
    if rule.is_untold:
        rule.last_error, rule.last_error_at = "", None
        AlertRule.objects.filter(id=rule.id).update(last_error="", last_error_at=None)
    return True


def note_untold(rule: AlertRule, error: Exception, *, now: datetime) -> None:
    is_news = not rule.is_untold
    rule.last_error = f"{COULD_NOT_TELL}{type(error).__name__}: {error}"[:MAX_ERROR_CHARS]
    rule.last_error_at = now
    AlertRule.objects.filter(id=rule.id).update(last_error=rule.last_error, last_error_at=now)
    if is_news:
        try:
            with transaction.atomic():
                tell(
                    Notice(
                        organization_id=rule.service.organization_id,
                        severity=rule.severity,
                        rule=rule,
                        kind=EventKind.ERROR,
                        message=f"{rule.name}: {rule.last_error}",
                        at=now,
                        key=f"{rule.id}:error",
                    )
                )
        except DATABASE_AWAY:
            raise
        except Exception:  # then its page says it alone
            logger.exception("The owner of rule %s could not be told that", rule.id)


def tell_owners(notice: Notice, rule: AlertRule) -> None:
    """That a rule cannot be judged, where no channel takes it: else nobody knew that nothing watches."""
    write_to_owners(
        notice.organization_id,
        subject=f"The alert {rule.name} cannot be judged",
        text=f"{notice.message}\n\nService: {rule.service.name}. Until it is mended, it tells of nothing.",
        page=f"/alerts-ui/{rule.id}",
    )


def is_for_programs(notice: Notice, rule: AlertRule, *, is_held: bool) -> bool:
    """Whether programs hear of it: of an incident from its beginning to its end, or not at all. What was held
    back when it began is not said to be over; what was told ends, whatever is left of the budget."""
    if notice.kind == EventKind.RESOLVED:
        begun = AlertEvent.objects.filter(rule=rule, group=notice.group, kind=EventKind.FIRING)
        return not begun.order_by("-id").values_list("is_held", flat=True).first()
    return notice.kind in TOLD_AS and not is_held


def tell_programs(notice: Notice, rule: AlertRule) -> None:
    """Whoever listens for alerts: that an incident began, and that it is over, under one `incident`."""
    data = {
        "rule_id": rule.id,
        "rule": rule.name,
        "condition": rule.condition,
        "message": notice.message[:MAX_MESSAGE_CHARS],
        "incident": notice.key,
        "severity": notice.severity,
        "group": notice.group,
        "value": notice.value,
        "since": notice.since and rfc3339(notice.since),
        "until": notice.until and rfc3339(notice.until),
        "runbook_url": rule.runbook_url,
        "url": f"{settings.PUBLIC_URL}/alerts-ui/{rule.id}",
    }
    record_event(
        organization_id=notice.organization_id,
        service_id=rule.service_id,
        type=TOLD_AS[notice.kind],
        data=data,
        environment=environment_of(notice, rule),
        now=notice.at,
    )


def spend(organization_id: UUID, at: datetime) -> bool:
    """Take one notice from the budget of the hour; False when there is none left."""
    AlertBudget.objects.get_or_create(organization_id=organization_id, hour=floor(at, HOUR))
    # Locked until the caller's transaction ends: two tellers must not both take the last one.
    budget = AlertBudget.objects.select_for_update().get(
        organization_id=organization_id, hour=floor(at, HOUR)
    )
    is_left = budget.told < settings.ALERT_NOTICES_AN_HOUR
    if is_left:
        budget.told += 1
    else:
        budget.held += 1
    budget.save(update_fields=["told", "held"])
    return is_left


def tell_digests(*, now: datetime) -> int:
    """Of each hour that is over: how many notices were held back, as one. Gives how many were told."""
    due = AlertBudget.objects.filter(hour__lt=floor(now, HOUR), held__gt=0, digest_at=None)
    return sum(tell_digest(budget, now=now) for budget in due.order_by("hour", "id"))


def tell_digest(budget: AlertBudget, *, now: datetime) -> bool:
    """Whether it was told, by this one of several workers. What cannot be told keeps no rule from being
    judged, and is tried again the next minute."""
    try:
        with transaction.atomic():
            mine = AlertBudget.objects.filter(id=budget.id, digest_at=None).update(digest_at=now)
            if mine:
                tell(digest_of(budget, now=now))
            return bool(mine)
    except DATABASE_AWAY:
        raise
    except Exception:  # whatever it is, it is this organization's and nobody else's
        logger.exception("The digest of organization %s could not be told", budget.organization_id)
        return False


def digest_of(budget: AlertBudget, *, now: datetime) -> Notice:
    more = f"+{budget.held:,} more {'notice was' if budget.held == 1 else 'notices were'} held back"
    return Notice(
        organization_id=budget.organization_id,
        rule=None,
        kind=EventKind.DIGEST,
        message=f"{more} from {budget.hour:%H:%M} to {budget.hour + HOUR:%H:%M} UTC: the budget is "
        f"{settings.ALERT_NOTICES_AN_HOUR:,} an hour.",
        at=now,
        key=f"digest:{budget.organization_id}:{int(budget.hour.timestamp())}",
    )
