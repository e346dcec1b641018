"""What channels are told of monitors: down, up and what lies between, with the requests of that time."""

from datetime import timedelta

from django.conf import settings

from monitor.channels import Announcement, Look
from monitor.lib.options import BadConfig
from monitor.models.alerts import Severity, length_text
from monitor.models.channels import Subject
from monitor.monitors.changes import Change, target_of
from monitor.monitors.states import Notice, State
from monitor.probing import kind_named

WORDS = {
    Notice.DOWN: "Down",
    Notice.UP: "Up again",
    Notice.REMINDER: "Still down",
    Notice.FLAPPING: "Flapping",
}
# Around a change: what its service logged then may tell why.
AROUND = timedelta(minutes=5)


def announcement_of(change: Change) -> Announcement:
    """The change as channels take it. A monitor has one incident at a time, so one key."""
    monitor, look = change.monitor, look_of(change)
    page = f"{settings.PUBLIC_URL}/monitors/{monitor.id}"
    return Announcement(
        organization_id=monitor.organization_id,
        subject=Subject.MONITOR,
        kind=change.notice,
        severity=severity_of(change),
        service_id=monitor.service_id,
        key=f"monitor:{monitor.id}",
        is_closing=change.state == State.UP and change.notice != Notice.FLAPPING,
        title=f"{word_of(change)}: {monitor.name}",
        message=message_of(change),
        happened_at=change.at,
        facts=facts_of(change),
        links=[("Monitor", page), *([("Requests of that time", look.address)] if look else [])],
        look=look,
        values={
            "monitor": monitor.name,
            "monitor_id": monitor.id,
            "state": change.state.name.lower(),
            "target": target_of(monitor),
            "outage_s": change.outage.total_seconds() if change.outage is not None else None,
        },
    )


def word_of(change: Change) -> str:
    if change.notice == Notice.SETTLED:
        return "Settled, up" if change.state == State.UP else "Settled, down"
    return WORDS.get(change.notice, str(change.notice).capitalize())


def severity_of(change: Change) -> str:
    """An outage is critical; what is neither up nor down is a warning."""
    if change.notice in WORDS and change.notice != Notice.FLAPPING:
        return Severity.CRITICAL
    return Severity.CRITICAL if change.state == State.DOWN else Severity.WARNING


def message_of(change: Change) -> str:
    words = change.message or word_of(change)
    if change.notice == Notice.FLAPPING:
        return f"It goes up and down. Nothing more is told until it has settled. Last: {words}"
    if change.outage is not None:
        return f"{change.monitor.name} is up again after {spoken(change.outage)}."
    return words


def spoken(outage: timedelta) -> str:
    seconds = round(outage.total_seconds())
    return length_text(seconds if seconds < 120 else seconds // 60 * 60)


def facts_of(change: Change) -> list[tuple[str, str]]:
    monitor = change.monitor
    facts = [("Monitor", monitor.name)]
    if target := target_of(monitor):
        facts += [("Target", target)]
    facts += [("Kind", kind_words(monitor.kind))]
    if change.outage is not None:
        facts += [("Down for", spoken(change.outage))]
    return [*facts, ("Checked", f"{change.at:%Y-%m-%d %H:%M:%S} UTC")]


def kind_words(kind: str) -> str:
    try:
        return kind_named(kind).words
    except BadConfig:
        return kind


def look_of(change: Change) -> Look | None:
    """What its service logged around the change, the failed ones first; of an outage that ends nothing."""
    if change.monitor.service_id is None or change.state == State.UP:
        return None
    return Look(
        service_id=change.monitor.service_id,
        since=change.at - AROUND,
        until=change.at + AROUND,
        order="failed",
    )
