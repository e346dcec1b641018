"""Who checks what: due monitors are taken in batches, each by one prober, for as long as its lease."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from monitor.lib.ids import new_uuid7
from monitor.models import Monitor, MonitorCheck

# Beyond its own time limit, a check has this long to be written down before another prober may have it.
LEASE_MARGIN_S = 30
# A moment this far ahead was written by a clock that has been set back since.
CLOCK_SLACK = timedelta(minutes=1)

# The inner SELECT locks rows in the order of the index and steps over those that others are taking.
CLAIM = """
UPDATE monitor_check SET
    planned_at = next_check_at,
    claim = %(claim)s,
    next_check_at = greatest(next_check_at, %(now)s) + make_interval(secs => monitor.timeout_s + %(margin)s)
FROM monitor
WHERE monitor.id = monitor_check.monitor_id AND monitor_check.id IN (
    SELECT id FROM monitor_check
    WHERE is_active AND next_check_at <= %(due)s AND region = ANY(%(regions)s)
    ORDER BY next_check_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
RETURNING monitor_check.id, monitor_check.monitor_id, monitor_check.planned_at
"""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    check_id: UUID
    claim: UUID
    planned_at: datetime
    monitor: Monitor


def claim_due(*, region: str, limit: int, now: datetime, ahead: timedelta = timedelta(0)) -> list[Claimed]:
    """Take up to `limit` checks of this region and of any that are due, or will be within `ahead`. An expired
    lease is due by itself."""
    claim = new_uuid7()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "claim": claim,
                "now": now,
                "due": now + ahead,
                "margin": LEASE_MARGIN_S,
                "regions": [region, ""] if region else [""],
                "limit": limit,
            },
        )
        taken = cursor.fetchall()
        monitors = Monitor.objects.select_related("proxy").in_bulk({monitor_id for _, monitor_id, _ in taken})
    return [
        Claimed(check_id=id_, claim=claim, planned_at=planned_at, monitor=monitors[monitor_id])
        for id_, monitor_id, planned_at in taken
        if monitor_id in monitors
    ]


def mend_clock(*, now: datetime) -> int:
    """Make due what waits for a time that a clock, since set back, once showed. Gives how many."""
    ahead = MonitorCheck.objects.filter(is_active=True, checked_at__gt=now + CLOCK_SLACK)
    return ahead.update(next_check_at=now, checked_at=None, claim=None, planned_at=None)
