"""What rules of windows have to say."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from monitor.models import AlertEvent, AlertRule
from monitor.models.alerts import EventKind, RuleKind, Severity


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to be told to an organization: of a rule, about one of its groups or (empty) the whole.

    `key` is the same for all that is told of one incident, so that a receiver can close what it opened. A
    digest is of no rule.
    """

    organization_id: UUID
    rule: AlertRule | None
    kind: EventKind
    message: str
    at: datetime
    key: str
    severity: str = Severity.WARNING
    group: str = ""
    # What rollups know the group by: an id or an environment.
    group_key: str = ""
    value: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    # The event that stands for it already: of a match, whose log's transaction kept it.
    event: AlertEvent | None = None


def incident_of(rule: AlertRule, key: str, opened_at: datetime) -> str:
    """The name of what began then in this group: the same from its beginning to its end."""
    return f"{rule.id}:{key}:{int(opened_at.timestamp())}"


def of_group(rule: AlertRule, label: str) -> str:
    """`Slow for acme`, `Objective, fast burn`: what follows the rule's name; nothing for the whole."""
    if not label:
        return ""
    return f", {label}" if rule.kind == RuleKind.SLO else f" for {label}"
