"""The one way out: whatever rules of windows have to say goes through `tell`."""

from dataclasses import dataclass
from datetime import datetime

from monitor.models import AlertEvent, AlertRule
from monitor.models.alerts import EventKind

MAX_MESSAGE_CHARS = 1024


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to be told of a rule, about one of its groups or (empty) the whole.

    `key` is the same for all that is told of one incident, so that a receiver can close what it opened.
    """

    rule: AlertRule
    kind: EventKind
    message: str
    at: datetime
    key: str
    group: str = ""
    value: float | None = None
    since: datetime | None = None
    until: datetime | None = None


def tell(notice: Notice) -> AlertEvent:
    """Keep it among its rule's events, where people and programs find it, in the caller's transaction."""
    return AlertEvent.objects.create(
        rule=notice.rule,
        kind=notice.kind,
        group=notice.group,
        value=notice.value,
        since=notice.since,
        until=notice.until,
        message=notice.message[:MAX_MESSAGE_CHARS],
        triggered_at=notice.at,
    )
