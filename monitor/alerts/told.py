"""What channels were told of a rule, when, and with what result."""

from collections.abc import Sequence

from monitor.models import AlertRule, NotificationDelivery

MOST_SHOWN = 30


def told_of(rule: AlertRule) -> Sequence[NotificationDelivery]:
    """The newest deliveries of the rule, with their channels: all that is told of it has a key that begins
    with its id."""
    mine = NotificationDelivery.objects.filter(
        organization=rule.service.organization_id, key__startswith=f"{rule.id}:"
    )
    return list(mine.select_related("notification", "channel").order_by("-id")[:MOST_SHOWN])
