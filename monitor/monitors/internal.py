"""Kinds that are judged from what our own tables hold: groups, those set by hand, and pushes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import connection

from monitor.models import Monitor, MonitorCheck, MonitorStanding, PushTarget
from monitor.monitors.config import options_of
from monitor.monitors.states import State
from monitor.probing import BadConfig, Finding, Outcome
from monitor.probing.kinds.push import PushOptions
from monitor.push.schedule import expected

# Nothing is awaited: looked at again after this, or when something happens.
NEVER = timedelta(days=3650)
# While a push monitor is down nothing new comes by itself, but reminders do.
LATE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A finding, None when there is nothing to say, and when to look again, None for the interval."""

    finding: Finding | None
    next_check_at: datetime | None = None


def of_group(monitor: Monitor, *, now: datetime) -> Judged:
    children = list(
        MonitorStanding.objects.filter(monitor__parent=monitor, monitor__is_active=True).values_list(
            "state", "in_maintenance"
        )
    )
    states = [state for state, in_maintenance in children if not in_maintenance]
    down = sum(state == State.DOWN for state in states)
    waiting = sum(state in (None, State.PENDING) for state in states)
    if down:
        return Judged(finding=Finding(outcome=Outcome.FAILED, message=f"{down} of {len(states)} are down."))
    if waiting or not children:
        words = f"{waiting} of {len(states)} are not settled." if children else "The group is empty."
        return Judged(finding=Finding(outcome=Outcome.WAITING, message=words))
    words = f"All {len(states)} are up." if states else "All are in maintenance."
    return Judged(finding=Finding(outcome=Outcome.OK, message=words))


def of_manual(monitor: Monitor, *, now: datetime) -> Judged:
    outcomes = {"up": Outcome.OK, "slow": Outcome.SLOW, "down": Outcome.FAILED}
    config = monitor.config
    message = str(config.get("message") or "Set by hand.")
    return Judged(finding=Finding(outcome=outcomes[str(config["status"])], message=message))


def of_push(monitor: Monitor, *, now: datetime) -> Judged:
    target = PushTarget.objects.get(monitor=monitor)
    return lateness_of(
        options_of(monitor),
        now=now,
        last_ping_at=target.last_ping_at,
        started_at=target.started_at,
        is_failing=target.is_failing,
    )


def lateness_of(
    options: PushOptions,
    *,
    now: datetime,
    last_ping_at: datetime | None,
    started_at: datetime | None,
    is_failing: bool,
) -> Judged:
    """Whether the next ping is late, and when to look again."""
    awaited = expected(options, last_ping_at=last_ping_at, started_at=started_at)
    if awaited is None:
        return Judged(finding=None, next_check_at=now + NEVER)
    if now < awaited.down_at and not is_failing:
        return Judged(finding=None, next_check_at=awaited.down_at)
    late = "The last ping told of a failure." if is_failing else "No ping came in time."
    return Judged(finding=Finding(outcome=Outcome.FAILED, message=late), next_check_at=now + LATE_EVERY)


def be_alone_with(slug: str, monitor: Monitor) -> None:
    """Raises BadConfig when the slug is taken: two of one name are pinged by nobody."""
    # Held until the commit: of two that take the slug at once, the second waits here and sees the first. Not
    # the organization's row, which whatever refers to it would wait for.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"slug {monitor.organization_id} {slug}"],
        )
    others = PushTarget.objects.filter(slug=slug, monitor__organization=monitor.organization_id)
    if others.exclude(monitor=monitor).exists():
        raise BadConfig("Another monitor of the organization has this slug.", field="slug")


JUDGES: Mapping[str, Callable[..., Judged]] = {"group": of_group, "manual": of_manual, "push": of_push}


def judge_internal(monitor: Monitor, *, now: datetime) -> Judged:
    return JUDGES[monitor.kind](monitor, now=now)


def prepare(monitor: Monitor, *, now: datetime) -> None:
    """What a push monitor keeps beside itself: its token, its slug, and when its next ping is late.

    Raises BadConfig for a slug that another monitor of the organization has.
    """
    if monitor.kind != "push":
        return
    target, _ = PushTarget.objects.get_or_create(monitor=monitor, defaults={"token": uuid4()})
    slug = str(monitor.config.get("slug", ""))
    if target.slug != slug:
        if slug:
            be_alone_with(slug, monitor)
        target.slug = slug
        target.save(update_fields=["slug"])
    if monitor.is_active:
        judged = of_push(monitor, now=now)
        MonitorCheck.objects.filter(monitor=monitor).update(next_check_at=judged.next_check_at or now)
