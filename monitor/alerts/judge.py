"""Judge a batch of new logs against the active rules of their service."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from django.db import connection

from monitor.alerts.conditions import Observed
from monitor.alerts.rulebook import RuleBook, books_of, known_books, numbers_of
from monitor.models import AlertEvent, AlertRule

logger = logging.getLogger(__name__)
MAX_MESSAGE_CHARS = 1024
MARK_RESOLUTION = timedelta(minutes=1)


class Judged(Observed, Protocol):
    """A log as rules and their messages see it."""

    @property
    def id(self) -> UUID: ...
    @property
    def service_id(self) -> UUID: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...


def quiet_by(logs: Sequence[Judged]) -> dict[UUID, int] | None:
    """The numbers of the rules by which none of these logs fires anything, as this process knows them; None
    when some rule has something to say.

    Who keeps the logs on the condition that the numbers still hold (`rulebook.GUARD`) needs no transaction
    around that: nothing else is to be written.
    """
    books = known_books({id(log.service_id): log.service_id for log in logs}.values())
    for _, book in books.values():
        if book.broken or any(rule.last_error for rule in book.sound):
            return None
    for log in logs if books else ():
        known = books.get(log.service_id)
        if known is not None and any(known[1].matching(log)):
            return None
    return {service_id: number for service_id, (number, _) in books.items()}


def judge(logs: Sequence[Judged], *, now: datetime) -> list[AlertEvent]:
    """Keep an event for each log and rule that match, in the caller's transaction.

    A rule that cannot be judged is marked with its own error and fires nothing: it never stops a log.
    """
    by_service: dict[UUID, list[Judged]] = defaultdict(list)
    for log in logs:
        by_service[log.service_id].append(log)
    events: list[AlertEvent] = []
    for service_id, book in books_of(numbers_of(by_service)).items():
        events += judge_by(book, by_service[service_id], now=now)
    if not events:
        return []
    there = note_matches(events, now=now)
    return AlertEvent.objects.bulk_create([event for event in events if event.rule_id in there])


def judge_by(book: RuleBook, logs: Sequence[Judged], *, now: datetime) -> list[AlertEvent]:
    """The events of one service, and word to its rules of whether they could be judged."""
    for rule, error in book.broken:
        mark_broken(rule, error, now=now)
    for rule in book.sound:
        mark_mended(rule)
    return [event_for(rule, log, now=now) for log in logs for rule in book.matching(log)]


# The note joins the statement that locks, so word for the worker costs a commit no statement of its own.
NOTE = """
WITH there AS (SELECT id FROM alert_rule WHERE id = ANY(%(rules)s) ORDER BY id FOR KEY SHARE),
noted AS (
    INSERT INTO alert_arrival (rule_id, matches, event_id, arrived_at)
    SELECT id, n.matches, n.event_id, %(now)s
    FROM there JOIN unnest(%(rules)s::uuid[], %(matches)s::int[], %(events)s::uuid[])
        AS n (rule_id, matches, event_id) ON n.rule_id = id
)
SELECT id FROM there
"""


def note_matches(events: Sequence[AlertEvent], *, now: datetime) -> set[UUID]:
    """Leave word of these events, for people to be told by the worker. Gives the rules that are still there,
    locked as by `lock_rules`."""
    matches = Counter(event.rule_id for event in events)
    last = {event.rule_id: event.id for event in events}
    ids = list(matches)
    with connection.cursor() as cursor:
        cursor.execute(
            NOTE,
            {
                "rules": ids,
                "matches": [matches[id_] for id_ in ids],
                "events": [last[id_] for id_ in ids],
                "now": now,
            },
        )
        return {id_ for (id_,) in cursor}


def lock_rules(rule_ids: set[UUID]) -> set[UUID]:
    """Those of the rules that are still there, and stay until the caller's transaction ends.

    An event of a rule that is removed meanwhile would fail the commit, and the log with it. KEY SHARE is what
    the foreign key takes anyway: it keeps out who removes the rule, and not who changes it.
    """
    if not rule_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM alert_rule WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [list(rule_ids)]
        )
        return {id_ for (id_,) in cursor}


def event_for(rule: AlertRule, log: Judged, *, now: datetime) -> AlertEvent:
    message = f"{rule.name}: {rule.condition} on {log.method} {log.path} ({what_was_seen(rule, log)})"
    return AlertEvent(rule=rule, log_id=log.id, message=message[:MAX_MESSAGE_CHARS], triggered_at=now)


def what_was_seen(rule: AlertRule, log: Judged) -> str:
    """The value that made the rule fire, for the message."""
    if rule.condition_field == "error":
        return f"error: {log.error}" if log.error is not None else "no error"
    value = log.status_code if rule.condition_field == "status_code" else log.latency_ms
    return f"{rule.condition_field} {value:g}"


def mark_broken(rule: AlertRule, error: Exception, *, now: datetime) -> None:
    """At most once a minute: a row written with every log would make all senders of a service queue."""
    if rule.last_error_at is not None and now - rule.last_error_at < MARK_RESOLUTION:
        return
    logger.warning("Alert rule %s could not be judged: %s", rule.id, error)
    # The rule is kept for later logs, so it must know too.
    rule.last_error, rule.last_error_at = str(error)[:512], now
    AlertRule.objects.filter(id=rule.id).update(last_error=rule.last_error, last_error_at=now)


def mark_mended(rule: AlertRule) -> None:
    if rule.last_error and not rule.is_untold:
        rule.last_error, rule.last_error_at = "", None
        AlertRule.objects.filter(id=rule.id).update(last_error="", last_error_at=None)
