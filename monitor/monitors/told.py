"""What channels were told of a monitor, when, and with what result."""

from collections.abc import Sequence

from django.db.models import Q

from monitor.models import Monitor, NotificationDelivery

MOST_SHOWN = 20


def told_of(monitor: Monitor) -> Sequence[NotificationDelivery]:
    """The newest deliveries of the monitor, with their channels: of its states, and of what ends soon."""
    of_monitor = Q(key=f"monitor:{monitor.id}") | Q(key__startswith=f"expiring:{monitor.id}:")
    mine = NotificationDelivery.objects.filter(of_monitor, organization=monitor.organization_id)
    return list(mine.select_related("notification", "channel").order_by("-id")[:MOST_SHOWN])
