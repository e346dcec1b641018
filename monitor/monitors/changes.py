"""What is to be told of a monitor, and what it looks at."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from monitor.models import Monitor
from monitor.monitors.states import Notice, State
from monitor.probing import BadConfig, kind_named


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


def target_of(monitor: Monitor) -> str:
    """What is looked at, from the masked options."""
    try:
        kind = kind_named(monitor.kind)
        return kind.target(kind.read(monitor.config))
    except BadConfig:
        return ""
