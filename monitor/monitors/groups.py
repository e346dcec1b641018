"""A group follows its monitors: it is looked at again when one of them turns, and not an interval later."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction

from monitor.lib.rows import run
from monitor.monitors.states import State

# A look that is under way may have read what was before: its claim goes, so its finding is left out. A group
# that waits for its retry is left alone, or monitors that fail one after the other would use up its retries.
LOOK_AGAIN = """
UPDATE monitor_check SET next_check_at = %(now)s, planned_at = NULL, claim = NULL
WHERE id IN (
    SELECT c.id FROM monitor_check c JOIN monitor_standing s ON s.monitor_id = c.monitor_id
    WHERE c.monitor_id = ANY((SELECT %(ids)s)::uuid[]) AND c.is_active
        AND NOT (s.state IS NOT DISTINCT FROM %(pending)s AND s.retries > 0)
    ORDER BY c.monitor_id FOR UPDATE OF c
)
"""


def look_again_at_groups(ids: Iterable[UUID | None], *, now: datetime) -> None:
    """Make these groups due once this transaction is committed. Not within it: rows of checks are locked in
    one order, and a group's turn may have passed. Should it be lost, the group's interval finds them."""
    groups = sorted({id_ for id_ in ids if id_ is not None})
    if groups:
        asked = {"ids": groups, "now": now, "pending": int(State.PENDING)}
        transaction.on_commit(partial(run, LOOK_AGAIN, asked), robust=True)
