"""How a monitor's standing is said, once for API and pages."""

from datetime import datetime, timedelta

from monitor.models import Monitor
from monitor.monitors.keeping import HOLDS_FOR_INTERVALS
from monitor.monitors.states import State

PHASES = ("resolve", "connect", "tls", "wait", "transfer")
STATE_WORDS = {
    "up": "Up",
    "slow": "Slow",
    "down": "Down",
    "pending": "Pending",
    "maintenance": "Maintenance",
    "no_data": "No data",
    "new": "New",
    "paused": "Paused",
}


def state_of(monitor: Monitor, *, now: datetime) -> str:
    """One word for how it stands. A state that nobody looks at any more is no data, whatever it was."""
    standing = monitor.standing
    if not monitor.is_active:
        return "paused"
    if is_stale(monitor, now=now):
        return "no_data"
    if standing.in_maintenance:
        return "maintenance"
    if standing.state is None:
        return "new"
    if standing.state == State.UP:
        return "slow" if standing.is_degraded else "up"
    return "down" if standing.state == State.DOWN else "pending"


def is_stale(monitor: Monitor, *, now: datetime) -> bool:
    """Seen while reading too: the watchdog is a process that may not run either."""
    standing = monitor.standing
    if standing.silent_since is not None:
        return True
    if monitor.kind == "push" or standing.last_beat_at is None:
        return False
    since = max(standing.last_beat_at, monitor.updated_at)
    longest = timedelta(seconds=HOLDS_FOR_INTERVALS * monitor.interval_s + monitor.timeout_s + 30)
    return now - since > longest
