"""The one place that people are told from when a monitor changes its state.

It writes down what happened, and records the events that webhooks listen for, in the transaction of the check
that found it: no change is told twice and none is lost. The channels that take it are told in the same one.
"""

import logging
from collections.abc import Sequence
from typing import Any

from monitor.channels import announce
from monitor.events import Draft, record_events
from monitor.lib.ids import uuid7_at
from monitor.models import MonitorEvent
from monitor.monitors.announcing import announcement_of
from monitor.monitors.changes import Change, target_of
from monitor.monitors.states import Notice, State

__all__ = ["Change", "target_of", "tell"]

logger = logging.getLogger(__name__)

# Reminders and flapping are for people; a program hears of a state once, when it holds.
SETTLED_NOTICES = frozenset({Notice.DOWN, Notice.UP, Notice.SETTLED})


def tell(changes: Sequence[Change]) -> list[MonitorEvent]:
    """Write the changes down, oldest first, and give what was written."""
    events = [
        MonitorEvent(
            id=uuid7_at(change.at),
            monitor=change.monitor,
            notice=change.notice,
            state=change.state,
            message=change.message,
            outage_s=change.outage.total_seconds() if change.outage is not None else None,
            beat_id=change.beat_id,
            happened_at=change.at,
        )
        for change in changes
    ]
    MonitorEvent.objects.bulk_create(events)
    announce([announcement_of(change) for change in changes])
    record_events([draft_of(change) for change in changes if change.notice in SETTLED_NOTICES])
    for change in changes:
        logger.info("Monitor %s: %s", change.monitor.id, change.notice)
    return events


def draft_of(change: Change) -> Draft:
    """monitor.down or monitor.up, as the catalogue of events has them."""
    monitor, is_up = change.monitor, change.state == State.UP
    data: dict[str, Any] = {
        "monitor_id": str(monitor.id),
        "name": monitor.name,
        "url": target_of(monitor),
        "reason": None if is_up else change.message,
    }
    if is_up:
        data["down_s"] = change.outage.total_seconds() if change.outage is not None else 0.0
    return Draft(
        organization_id=monitor.organization_id,
        service_id=monitor.service_id,
        type="monitor.up" if is_up else "monitor.down",
        data=data,
        happened_at=change.at,
    )
