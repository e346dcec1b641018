"""What ends soon, certificates and domains, is told by the smallest threshold it has crossed, once.

A certificate that is first seen with 5 days left is one notice, not three; one that is renewed is another.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction

from monitor.channels import Announcement, announce
from monitor.events import Draft, record_events
from monitor.lib.ids import new_uuid7, uuid7_at
from monitor.models import Beat, Monitor, MonitorEvent, MonitorExpiry
from monitor.models.alerts import Severity
from monitor.models.channels import Subject
from monitor.models.monitors import ExpiringThing
from monitor.monitors.changes import target_of
from monitor.monitors.maintenance import maintained_within
from monitor.monitors.states import State

WORDS = {ExpiringThing.CERTIFICATE: "certificate", ExpiringThing.DOMAIN: "registration of the domain"}


def crossed(until: datetime, *, now: datetime, thresholds: Iterable[int]) -> int | None:
    """The smallest number of days that is not left any more; None while all are."""
    return next((days for days in sorted(thresholds) if until <= now + timedelta(days=days)), None)


def tell_expiring(*, now: datetime) -> list[MonitorEvent]:
    """Tell of each active monitor's certificate and domain what was not told yet. One in maintenance is told
    of by the first round after it, where that still holds."""
    if not settings.EXPIRY_DAYS:
        return []
    horizon = now + timedelta(days=max(settings.EXPIRY_DAYS))
    told: list[MonitorEvent] = []
    for what, column in (
        (ExpiringThing.CERTIFICATE, "certificate_until"),
        (ExpiringThing.DOMAIN, "domain_until"),
    ):
        ending = Monitor.objects.filter(is_active=True, **{f"standing__{column}__lte": horizon})
        if what == ExpiringThing.DOMAIN:
            ending = ending.filter(watches_domain=True)
        monitors = list(ending.select_related("standing").order_by("id"))
        maintained = maintained_within(monitors, since=now, until=now)
        for monitor in monitors:
            if not maintained.holds(monitor.id, now):
                told.extend(tell_of(monitor, what, getattr(monitor.standing, column), now=now))
    return told


@transaction.atomic
def tell_of(
    monitor: Monitor, what: ExpiringThing, until: datetime, *, now: datetime
) -> Sequence[MonitorEvent]:
    """The notice, unless this end was told of with as few days left."""
    threshold = crossed(until, now=now, thresholds=settings.EXPIRY_DAYS)
    MonitorExpiry.objects.get_or_create(monitor=monitor, what=what)
    # Locked: of two workers that look at once, the second finds it told.
    row = MonitorExpiry.objects.select_for_update().get(monitor=monitor, what=what)
    before = row.told_days if row.until == until else None
    if threshold is None or (before is not None and before <= threshold):
        return []
    row.until, row.told_days = until, threshold
    row.save(update_fields=["until", "told_days"])
    return [note(monitor, what, until, now=now)]


def note(monitor: Monitor, what: ExpiringThing, until: datetime, *, now: datetime) -> MonitorEvent:
    days = (until - now) // timedelta(days=1)
    message = sentence(WORDS[what], until, days)
    newest = Beat.objects.filter(monitor_id=monitor.id).order_by("-id").values_list("id", flat=True).first()
    state = monitor.standing.state
    event = MonitorEvent.objects.create(
        id=uuid7_at(now.astimezone(UTC)),
        monitor=monitor,
        notice=what,
        state=State.UP if state is None else state,
        message=message,
        beat_id=newest or new_uuid7(),
        happened_at=now,
    )
    announce([announcement_of(monitor, what, message, is_over=days < 0, now=now)])
    record_events(
        [
            Draft(
                organization_id=monitor.organization_id,
                service_id=monitor.service_id,
                type="monitor.expiring",
                data={
                    "monitor_id": str(monitor.id),
                    "name": monitor.name,
                    "url": target_of(monitor),
                    "reason": message,
                    "what": str(what),
                    "until": until.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                    "days": days,
                },
                happened_at=now,
            )
        ]
    )
    return event


def announcement_of(
    monitor: Monitor, what: ExpiringThing, message: str, *, is_over: bool, now: datetime
) -> Announcement:
    """As channels take it: a warning of its own, which no recovery closes."""
    return Announcement(
        organization_id=monitor.organization_id,
        subject=Subject.MONITOR,
        kind=what,
        severity=Severity.WARNING,
        service_id=monitor.service_id,
        key=f"expiring:{monitor.id}:{what}:{now:%Y%m%d}",
        title=f"{what.label} {'has ended' if is_over else 'ends soon'}: {monitor.name}",
        message=message,
        happened_at=now,
        facts=[("Monitor", monitor.name), ("Target", target_of(monitor))],
        links=[("Monitor", f"{settings.PUBLIC_URL}/monitors/{monitor.id}")],
        values={"monitor": monitor.name, "monitor_id": monitor.id, "target": target_of(monitor)},
    )


def sentence(words: str, until: datetime, days: int) -> str:
    date = f"{until.astimezone(UTC):%Y-%m-%d}"
    if days < 0:
        return f"The {words} ended on {date}."
    left = "within a day" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"
    return f"The {words} ends {left}, on {date}."
