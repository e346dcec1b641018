"""How a monitor's standing is said, once for API and pages."""

from datetime import datetime, timedelta

from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    Value,
    When,
)
from django.db.models.functions import Greatest
from django.db.models.lookups import LessThan

from monitor.models import Monitor
from monitor.monitors.keeping import HOLDS_FOR_INTERVALS
from monitor.monitors.states import State

# Beyond its intervals, what a prober that is behind may take.
STALE_MARGIN_S = 30
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
    longest = timedelta(seconds=HOLDS_FOR_INTERVALS * monitor.interval_s + monitor.timeout_s + STALE_MARGIN_S)
    return now - since > longest


def state_in_sql(*, now: datetime) -> Case:
    """`state_of` as the database works it out, for filters and for counts over thousands."""
    longest = ExpressionWrapper(
        Value(timedelta(seconds=1))
        * (HOLDS_FOR_INTERVALS * F("interval_s") + F("timeout_s") + Value(STALE_MARGIN_S)),
        output_field=DurationField(),
    )
    looked_at = Greatest("standing__last_beat_at", "updated_at")
    late = ExpressionWrapper(looked_at + longest, output_field=DateTimeField())
    return Case(
        When(is_active=False, then=Value("paused")),
        When(standing__silent_since__isnull=False, then=Value("no_data")),
        When(
            ~Q(kind="push") & Q(standing__last_beat_at__isnull=False) & LessThan(late, Value(now)),
            then=Value("no_data"),
        ),
        When(standing__in_maintenance=True, then=Value("maintenance")),
        When(standing__state=None, then=Value("new")),
        When(standing__state=State.UP, standing__is_degraded=True, then=Value("slow")),
        When(standing__state=State.UP, then=Value("up")),
        When(standing__state=State.DOWN, then=Value("down")),
        default=Value("pending"),
        output_field=CharField(),
    )
