"""Erase what the logs of a forgotten consumer hold of it, and its name from events, in small bites.

Addresses, queries, headers and bodies go from all of its logs; paths, errors and tags stay, without its name.
What logs of others say stays theirs.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import F

from monitor.audit import record
from monitor.channels.forgetting import forget_names as forget_in_channels
from monitor.consumers.set_up import forget_in_set_up
from monitor.events.forgetting import forget_consumer
from monitor.ingest.naming import MAX_AGE_S
from monitor.lib.ids import uuid7_floor
from monitor.lib.mentions import sql_pattern
from monitor.lib.secrets import seal, unseal
from monitor.models import ConsumerErasure
from monitor.models.partitions import existing_days, start_of

ROWS_A_BITE = 1_000
# Until then processes may still know the identifier by this consumer's id, and keep logs under it.
LAST_LOOK_AFTER = timedelta(seconds=2 * MAX_AGE_S)
NOBODY = UUID(int=0)
COUNTS = ("logs", "payloads", "replays", "addresses", "queries", "paths", "error_texts", "tags")
# Bounded on both sides, so that each statement opens one day. Query values stand in the URL, too. What a
# replay of such a log sent and was answered, and what an alert said of it, is copied from it.
BITE = """
WITH bite AS MATERIALIZED (
    SELECT id, source_ip IS NOT NULL AS has_address, position('?' IN url) > 0 AS has_query,
        path ~* %(names)s OR split_part(url, '?', 1) ~* %(names)s AS has_path,
        coalesce(error ~* %(names)s, false) AS has_error,
        EXISTS (SELECT FROM unnest(tags) AS tag WHERE tag ~* %(names)s) AS has_tag
    FROM request_log
    WHERE consumer_id = %(consumer)s AND id > %(after)s AND id >= %(since)s AND id < %(until)s
    ORDER BY id LIMIT %(rows)s
), logs AS (
    UPDATE request_log AS log SET source_ip = NULL,
        url = left(regexp_replace(split_part(url, '?', 1), %(names)s, %(instead)s, 'gi'), 8192),
        path = left(regexp_replace(path, %(names)s, %(instead)s, 'gi'), 2048),
        error = left(regexp_replace(error, %(names)s, %(instead)s, 'gi'), 2048),
        tags = CASE WHEN has_tag THEN ARRAY(
            SELECT left(regexp_replace(tag, %(names)s, %(instead)s, 'gi'), 128)
            FROM unnest(tags) WITH ORDINALITY AS each (tag, place) ORDER BY place
        ) ELSE tags END
    FROM bite WHERE log.id = bite.id AND log.id >= %(since)s AND log.id < %(until)s
        AND (has_address OR has_query OR has_path OR has_error OR has_tag)
    RETURNING log.id, has_address, has_query, has_path, has_error, has_tag
), payloads AS (
    DELETE FROM log_payload
    WHERE log_id IN (SELECT id FROM bite) AND log_id >= %(since)s AND log_id < %(until)s RETURNING log_id
), replays AS (
    UPDATE replay SET url = regexp_replace(split_part(url, '?', 1), %(names)s, %(instead)s, 'gi'),
        overrides = '{}', omitted_headers = '{}', omitted_params = '{}', response_headers = NULL,
        response_body = CASE WHEN response_body IS NULL THEN NULL ELSE '' END,
        error = regexp_replace(error, %(names)s, %(instead)s, 'gi')
    WHERE original_log_id IN (SELECT id FROM bite)
        AND (response_headers IS NOT NULL OR response_body <> '' OR overrides <> '{}'
            OR position('?' IN url) > 0 OR url ~* %(names)s OR error ~* %(names)s)
    RETURNING id
), alerts AS (
    UPDATE alert_event SET message = left(regexp_replace(message, %(names)s, %(instead)s, 'gi'), 1024)
    WHERE log_id IN (SELECT id FROM bite) AND message ~* %(names)s
)
SELECT (SELECT id FROM bite ORDER BY id DESC LIMIT 1),
    (SELECT count(*) FROM (SELECT id FROM logs UNION SELECT log_id FROM payloads) AS erased),
    (SELECT count(*) FROM payloads), (SELECT count(*) FROM replays),
    count(*) FILTER (WHERE has_address), count(*) FILTER (WHERE has_query),
    count(*) FILTER (WHERE has_path), count(*) FILTER (WHERE has_error), count(*) FILTER (WHERE has_tag)
FROM logs
"""
# Errors that clients counted: a row for each kind of error and day.
REPORTED = """
UPDATE error_count SET message = regexp_replace(message, %(names)s, %(instead)s, 'gi'),
    traceback = regexp_replace(traceback, %(names)s, %(instead)s, 'gi')
WHERE consumer_id = %(consumer)s AND (message ~* %(names)s OR traceback ~* %(names)s)
"""
# Issues that it met: their messages leave out what is quoted or numbered, and may still name somebody.
ISSUES = """
UPDATE error_issue SET message = left(regexp_replace(message, %(names)s, %(instead)s, 'gi'), 300)
WHERE id IN (SELECT issue_id FROM error_issue_consumer WHERE consumer_id = %(consumer)s)
    AND message ~* %(names)s
"""


def seal_names(names: Collection[str]) -> bytes:
    """What a consumer was called, for the looks to come and for nobody else."""
    return seal(msgspec.json.encode(sorted(names)).decode())


def names_of(erasure: ConsumerErasure) -> list[str]:
    """None that was asked for before names were looked for. Raises CannotOpen."""
    if erasure.sealed_names is None:
        return []
    return msgspec.json.decode(unseal(erasure.sealed_names), type=list[str])


def erase(consumer_id: UUID, *, now: datetime) -> bool:
    """Erase what logs hold of a forgotten consumer and events name of it, bite by bite; harmless twice.

    Gives whether this was the last look: the receipt is then finished, and what was looked for is gone.
    """
    erasure = ConsumerErasure.objects.filter(consumer=consumer_id).select_related("consumer").first()
    if erasure is None:
        return True
    names = names_of(erasure)
    asked: dict[str, Any] = {
        "consumer": consumer_id,
        "names": sql_pattern(names),
        "instead": erasure.consumer.identifier,
        "rows": ROWS_A_BITE,
    }
    for day in existing_days():
        erase_day(erasure, day, asked)
    with connection.cursor() as cursor:
        cursor.execute(REPORTED, asked)
        cursor.execute(ISSUES, asked)
    count_set_up(erasure, names)
    forget_consumer(erasure.consumer, names)
    forget_in_channels(erasure.consumer.organization_id, names, instead=erasure.consumer.identifier)
    if now < erasure.asked_at + LAST_LOOK_AFTER:
        return False
    unfinished = ConsumerErasure.objects.filter(id=erasure.id, finished_at=None)
    with transaction.atomic():
        if unfinished.update(finished_at=now, sealed_names=None):
            # Without a name: here it could not be forgotten.
            record(
                "consumer.erased",
                organization_id=erasure.consumer.organization_id,
                target_type="consumer",
                target_id=consumer_id,
            )
    return True


@transaction.atomic
def count_set_up(erasure: ConsumerErasure, names: Collection[str]) -> None:
    found = forget_in_set_up(erasure.consumer, names, known_by=erasure.asked_at)
    # The last look finds none of those that the first one changed, and all that it left.
    ConsumerErasure.objects.filter(id=erasure.id).update(
        views=F("views") + found.views,
        routes=F("routes") + found.routes,
        path_rules=F("path_rules") + found.path_rules,
        routes_left=found.routes_left,
    )


def erase_day(erasure: ConsumerErasure, day: date, asked: dict[str, Any]) -> None:
    since, until = uuid7_floor(start_of(day)), uuid7_floor(start_of(day + timedelta(days=1)))
    after = NOBODY
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(BITE, {**asked, "after": after, "since": since, "until": until})
            last, *counts = cursor.fetchone()
            if last is None:
                return
            after = last
            # With its bite, so that a worker that is killed leaves a receipt that is true.
            changed = zip(COUNTS, counts, strict=True)
            ConsumerErasure.objects.filter(id=erasure.id).update(
                **{name: F(name) + count for name, count in changed}
            )
