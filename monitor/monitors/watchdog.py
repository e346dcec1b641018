"""Monitors that nobody checks say so: a state that is no longer looked at must not pass for a fact."""

import logging
from datetime import datetime

from django.db import connection

from monitor.monitors.keeping import HOLDS_FOR_INTERVALS

logger = logging.getLogger(__name__)
# Beyond three intervals: a prober that restarts is no news.
MARGIN_S = 30

MARK_SILENT = """
UPDATE monitor_standing SET silent_since = %(now)s
WHERE monitor_id IN (
  SELECT monitor_id FROM monitor_standing JOIN monitor ON monitor.id = monitor_id
  WHERE monitor.is_active AND silent_since IS NULL
  AND CASE
    -- A push is looked at when it is late, and not by an interval.
    WHEN monitor.kind = 'push' THEN EXISTS (
        SELECT FROM monitor_check
        WHERE monitor_check.monitor_id = monitor.id AND is_active
          AND next_check_at < %(now)s - interval '5 minutes')
    -- Since its last check, or since it was made, changed or let go on.
    ELSE greatest(last_beat_at, monitor.updated_at)
        < %(now)s - make_interval(secs => %(holds)s * monitor.interval_s + monitor.timeout_s + %(margin)s)
    END
  -- In the order in which findings are kept; a row that is held is just being checked.
  ORDER BY monitor_id FOR UPDATE OF monitor_standing SKIP LOCKED
)
"""


def mark_silent(*, now: datetime) -> int:
    """Mark monitors without a check for three intervals as having no data, and warn the operator. Gives how
    many are newly so; their next check unmarks them."""
    with connection.cursor() as cursor:
        cursor.execute(MARK_SILENT, {"now": now, "holds": HOLDS_FOR_INTERVALS, "margin": MARGIN_S})
        found: int = cursor.rowcount
    if found:
        logger.error("%s monitors have had no check for three intervals: is a prober running?", found)
    return found
