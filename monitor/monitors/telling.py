"""The one place that people are told from when a monitor changes its state.

It writes down what happened, in the transaction of the check that found it. Channels and webhooks begin
here: whatever they defer joins the same transaction, so that no change is told twice and none is lost.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from monitor.lib.ids import uuid7_at
from monitor.models import Monitor, MonitorEvent
from monitor.monitors.states import Notice, State

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to be told of one monitor. `outage` is how long it had been down, once it is up again."""

    monitor: Monitor
    notice: Notice
    state: State
    message: str
    outage: timedelta | None
    beat_id: UUID
    at: datetime


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
    for change in changes:
        logger.info("Monitor %s: %s", change.monitor.id, change.notice)
    return events
