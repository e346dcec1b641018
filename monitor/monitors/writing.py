"""What checks left behind, written by one statement: beats, standings, when to look again, hours and use.

Each statement more costs every check of the transaction its share of a round trip and of Django's way to it;
row by row, they were most of what a ping cost.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from monitor.lib.rows import as_json, bytea, run
from monitor.models import Beat
from monitor.monitors.holding import CheckRow, StandingRow
from monitor.monitors.hours import ADD as ADD_HOURS
from monitor.monitors.hours import HourRow
from monitor.monitors.recent import MOST_BYTES
from monitor.usage.record import CHECKS

# Types as in the tables; the order of the hours is kept, so that two that write at once wait for each other.
WRITE = f"""
WITH beats AS (
    INSERT INTO beat (id, monitor_id, state, is_important, is_degraded, retries, region, response_ms,
        phases_ms, message, detail)
    SELECT * FROM json_to_recordset(%(beats)s::json) AS t(
        id uuid, monitor_id uuid, state int2, is_important bool, is_degraded bool, retries int2, region text,
        response_ms float8, phases_ms float8[], message text, detail bytea)
), standings AS (
    UPDATE monitor_standing s SET
        state = t.state, is_degraded = t.is_degraded, in_maintenance = t.in_maintenance,
        is_flapping = t.is_flapping, retries = t.retries, successes = t.successes, down_since = t.down_since,
        since = t.since, last_notified_state = t.last_notified_state, last_notified_at = t.last_notified_at,
        reminders = t.reminders, changes = t.changes, last_beat_at = t.last_beat_at,
        last_known_at = t.last_known_at, message = t.message, response_ms = t.response_ms,
        certificate_until = t.certificate_until, silent_since = NULL,
        recent = substring(s.recent || t.added
            FROM greatest(length(s.recent) + length(t.added) - {MOST_BYTES}, 0) + 1)
    FROM json_to_recordset(%(standings)s::json) AS t(
        monitor_id uuid, state int2, is_degraded bool, in_maintenance bool, is_flapping bool, retries int4,
        successes int4, down_since timestamptz, since timestamptz, last_notified_state int2,
        last_notified_at timestamptz, reminders int4, changes timestamptz[], last_beat_at timestamptz,
        last_known_at timestamptz, message text, response_ms float8, certificate_until timestamptz,
        added bytea)
    -- The list says how many: of the rows' number the planner knows nothing, and would read the whole table.
    WHERE s.monitor_id = ANY((SELECT %(monitor_ids)s)::uuid[]) AND s.monitor_id = t.monitor_id
), checks AS (
    UPDATE monitor_check c SET next_check_at = t.next_check_at, planned_at = NULL, claim = NULL,
        checked_at = t.checked_at, is_failing = t.is_failing
    FROM json_to_recordset(%(checks)s::json) AS t(
        id uuid, next_check_at timestamptz, checked_at timestamptz, is_failing bool)
    WHERE c.id = ANY((SELECT %(check_ids)s)::uuid[]) AND c.id = t.id
), hours AS (
    {ADD_HOURS}
)
{CHECKS}
"""  # noqa: S608 - our own names


class BeatRow(msgspec.Struct):
    """A beat as JSON."""

    id: UUID
    monitor_id: UUID
    state: int
    is_important: bool
    is_degraded: bool
    retries: int
    region: str
    response_ms: float | None
    phases_ms: list[float | None] | None
    message: str
    detail: str | None


class UsedRow(msgspec.Struct):
    """Checks that an organization used on a day."""

    organization_id: UUID
    day: date
    checks: int


def write(
    beats: Sequence[Beat],
    standings: Sequence[StandingRow],
    checks: Sequence[CheckRow],
    hours: Sequence[HourRow],
    used: Sequence[UsedRow],
) -> None:
    """In the caller's transaction. The days of the beats are there."""
    run(
        WRITE,
        {
            "beats": as_json([row_of(beat) for beat in beats]),
            "standings": as_json(standings),
            "monitor_ids": [row.monitor_id for row in standings],
            "checks": as_json(checks),
            "check_ids": [check.id for check in checks],
            "hours": as_json(hours),
            "used": as_json(used),
        },
    )


def row_of(beat: Beat) -> BeatRow:
    return BeatRow(
        beat.id,
        beat.monitor_id,
        int(beat.state),
        beat.is_important,
        beat.is_degraded,
        beat.retries,
        beat.region,
        beat.response_ms,
        beat.phases_ms,
        beat.message,
        None if beat.detail is None else bytea(bytes(beat.detail)),
    )
