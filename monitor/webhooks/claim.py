"""Take deliveries that are due: each by one deliverer, a few for each endpoint, and not all for the slow.

A claim is a lease: it is committed before anything is sent, so that nobody holds a lock or a connection
during a call, and one that its deliverer did not live to answer for runs out.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from monitor.models.events import message_id_of
from monitor.webhooks.sending import ATTEMPT_S, LATE_AFTER, Job

LEASE = timedelta(seconds=60)
# Under way to one endpoint at once; and to one that did not answer in time when it was last asked.
MOST_AT_ONCE = 10
MOST_AT_ONCE_WHEN_SLOW = 2
# Deliverers claim one after the other, so what an endpoint's limits leave is counted once.
CLAIM_LOCK = 0x77656268
# What a rate limit allows at once after a pause.
BURST_S = 1.0

# `waiting` steps from endpoint to endpoint through the index of what is pending: a look for each endpoint
# that has anything waiting, and not for each row that waits for a slow one.
CLAIM = """
WITH RECURSIVE waiting AS (
    (SELECT endpoint_id FROM webhook_delivery WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhook_delivery d
            WHERE d.status = 'pending' AND d.endpoint_id > waiting.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
    FROM waiting WHERE waiting.endpoint_id IS NOT NULL
), room AS MATERIALIZED (
    SELECT e.id, least(
        CASE WHEN e.last_error_class = 'timeout' THEN %(most_when_slow)s ELSE %(most)s END
        - (SELECT count(*) FROM webhook_delivery l WHERE l.endpoint_id = e.id AND l.status = 'leased'),
        CASE WHEN e.rate_limit_per_minute IS NULL THEN %(most)s ELSE floor((
            greatest(%(burst_s)s, 60.0 / e.rate_limit_per_minute)
            - greatest(extract(epoch FROM e.limit_until - %(now)s), 0)
        ) * e.rate_limit_per_minute / 60.0 + 0.000001) END
    )::int AS places
    FROM waiting JOIN webhook_endpoint e ON e.id = waiting.endpoint_id
    WHERE e.disabled_at IS NULL AND e.deleted_at IS NULL
), due AS (
    SELECT d.* FROM room CROSS JOIN LATERAL (
        SELECT id, next_attempt_at, steps > %(late_after)s - 1 AS is_late FROM webhook_delivery
        WHERE endpoint_id = room.id AND status = 'pending' AND next_attempt_at <= %(now)s
          AND (steps <= %(late_after)s - 1 OR %(late)s > 0)
        ORDER BY next_attempt_at LIMIT greatest(room.places, 0) FOR UPDATE SKIP LOCKED
    ) d
), chosen AS (
    SELECT id FROM (
        SELECT id, next_attempt_at, is_late,
               row_number() OVER (PARTITION BY is_late ORDER BY next_attempt_at) AS place FROM due
    ) ranked
    WHERE NOT is_late OR place <= %(late)s ORDER BY next_attempt_at LIMIT %(free)s
), claimed AS (
    UPDATE webhook_delivery d SET status = 'leased', lease_id = %(lease)s, lease_until = %(until)s,
        attempts = attempts + 1, steps = steps + CASE WHEN trigger = 'manual' THEN 0 ELSE 1 END
    FROM chosen WHERE d.id = chosen.id
    RETURNING d.id, d.endpoint_id, d.event_id, d.attempts, d.steps, d.trigger, d.event_type, d.resumes_at
), counted AS (
    UPDATE webhook_endpoint e SET limit_until = greatest(e.limit_until, %(now)s)
        + make_interval(secs => taken.count * 60.0 / e.rate_limit_per_minute)
    FROM (SELECT endpoint_id, count(*) FROM claimed GROUP BY 1) taken
    WHERE e.id = taken.endpoint_id AND e.rate_limit_per_minute IS NOT NULL
)
SELECT c.id, c.endpoint_id, c.event_id, c.attempts, c.steps, c.trigger, c.event_type, c.resumes_at,
    event.body, e.url, e.mode, e.sealed_headers,
    ARRAY(SELECT s.sealed FROM webhook_secret s WHERE s.endpoint_id = c.endpoint_id
          AND (s.expires_at IS NULL OR s.expires_at > %(now)s) ORDER BY s.expires_at DESC NULLS FIRST)
FROM claimed c JOIN event ON event.id = c.event_id JOIN webhook_endpoint e ON e.id = c.endpoint_id
"""
LAPSED = """
SELECT d.id, d.endpoint_id, d.event_id, d.attempts, d.steps, d.trigger, d.event_type, d.resumes_at,
    '', '', e.mode, NULL, '{}'::bytea[], d.lease_id
FROM webhook_delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id
WHERE d.status = 'leased' AND d.lease_until < %s LIMIT 500
"""


def claim(*, free: int, late: int, now: datetime) -> list[Job]:
    """Up to `free` deliveries that are due, of which at most `late` have failed for long; they are the
    caller's until the lease ends."""
    lease = uuid4()
    parameters: dict[str, Any] = {
        "free": free,
        "late": late,
        "now": now,
        "lease": lease,
        "until": now + LEASE,
        "most": MOST_AT_ONCE,
        "most_when_slow": MOST_AT_ONCE_WHEN_SLOW,
        "burst_s": BURST_S,
        "late_after": LATE_AFTER,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # A claim that a crash of the server forgets is due again: worth no wait for the disk.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(%s)", [CLAIM_LOCK]
        )
        cursor.execute(CLAIM, parameters)
        return [job_of(row, lease) for row in cursor.fetchall()]


def lapsed(*, now: datetime) -> list[Job]:
    """Deliveries whose deliverer did not say what became of them while their lease lasted."""
    with connection.cursor() as cursor:
        cursor.execute(LAPSED, [now])
        return [job_of(row[:-1], row[-1]) for row in cursor.fetchall()]


def job_of(row: Sequence[Any], lease: UUID) -> Job:
    id_, endpoint_id, event_id, attempts, steps, trigger, event_type, resumes_at, *rest = row
    body, url, mode, sealed_headers, sealed_secrets = rest
    return Job(
        delivery_id=id_,
        lease_id=lease,
        endpoint_id=endpoint_id,
        message_id=message_id_of(event_id.hex),
        body=body.encode(),
        url=url,
        mode=mode,
        sealed_secrets=tuple(bytes(sealed) for sealed in sealed_secrets),
        sealed_headers=bytes(sealed_headers) if sealed_headers is not None else None,
        number=attempts,
        steps=steps,
        trigger=trigger,
        event_type=event_type,
        resumes_at=resumes_at,
    )


def check_lease(*, attempt_s: float = ATTEMPT_S, lease: timedelta = LEASE) -> None:
    """Raises ValueError where a lease could end while its attempt still runs: others would send it too."""
    if lease.total_seconds() < 2 * attempt_s:
        raise ValueError(f"A lease of {lease} is too short for attempts of {attempt_s:g} s.")
