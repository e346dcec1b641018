"""Erase what the logs of a forgotten consumer hold, and its name from events, in small bites."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from monitor.events.forgetting import forget_consumer
from monitor.ingest.naming import MAX_AGE_S
from monitor.models import ConsumerErasure

ROWS_A_BITE = 1_000
# Until then processes may still know the identifier by this consumer's id, and keep logs under it.
LAST_LOOK_AFTER = timedelta(seconds=2 * MAX_AGE_S)
NOBODY = UUID(int=0)
# Query values stand in the URL, too. What a replay of such a log sent and was answered is copied from it.
BITE = """
WITH bite AS MATERIALIZED (
    SELECT id, source_ip IS NOT NULL OR position('?' IN url) > 0 AS is_told
    FROM request_log WHERE consumer_id = %(consumer)s AND id > %(after)s ORDER BY id LIMIT %(rows)s
), logs AS (
    UPDATE request_log SET source_ip = NULL, url = split_part(url, '?', 1)
    WHERE id IN (SELECT id FROM bite WHERE is_told) RETURNING id
), payloads AS (
    DELETE FROM log_payload WHERE log_id IN (SELECT id FROM bite) RETURNING log_id
), replays AS (
    UPDATE replay SET url = split_part(url, '?', 1), overrides = '{}', omitted_headers = '{}',
        omitted_params = '{}', response_headers = NULL,
        response_body = CASE WHEN response_body IS NULL THEN NULL ELSE '' END
    WHERE original_log_id IN (SELECT id FROM bite)
        AND (response_headers IS NOT NULL OR response_body <> '' OR overrides <> '{}'
            OR position('?' IN url) > 0)
    RETURNING id
)
SELECT (SELECT id FROM bite ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM logs),
    (SELECT count(*) FROM payloads), (SELECT count(*) FROM replays)
"""


def erase(consumer_id: UUID, *, now: datetime) -> bool:
    """Erase what logs hold of a forgotten consumer and events name of it, bite by bite; harmless twice.

    Gives whether this was the last look: the receipt is then finished.
    """
    erasure = ConsumerErasure.objects.filter(consumer=consumer_id).select_related("consumer").first()
    if erasure is None:
        return True
    after = NOBODY
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(BITE, {"consumer": consumer_id, "after": after, "rows": ROWS_A_BITE})
            last, logs, payloads, replays = cursor.fetchone()
            if last is None:
                break
            after = last
            # With its bite, so that a worker that is killed leaves a receipt that is true.
            ConsumerErasure.objects.filter(id=erasure.id).update(
                logs=F("logs") + logs, payloads=F("payloads") + payloads, replays=F("replays") + replays
            )
    forget_consumer(erasure.consumer)
    if now < erasure.asked_at + LAST_LOOK_AFTER:
        return False
    ConsumerErasure.objects.filter(id=erasure.id, finished_at=None).update(finished_at=now)
    return True
