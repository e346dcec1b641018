"""What client libraries tell beside single requests: counts, errors by group, their instances and paths.

Clients send a message again for up to an hour when an answer gets lost. Each is kept once: its digest is
written in the same transaction as what it says.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Greatest

from monitor.ingest import naming
from monitor.ingest.entry import MAX_CLOCK_LEAD, MAX_CONTEXT_CHARS, MAX_NAME_CHARS, Sender, label
from monitor.ingest.growing import SERIES_KEPT, Series, grown
from monitor.ingest.report_names import Named, excluding_rule, name_of, named
from monitor.lib import masking
from monitor.lib.counting import count_left_out
from monitor.lib.ids import new_uuid7
from monitor.lib.kept_text import RULES, cut, storable
from monitor.metrics import deltas
from monitor.metrics.counted import Counted, Place, note_counted, note_days
from monitor.metrics.rollups import DAYS_KEPT
from monitor.models import Consumer, Endpoint, Instance
from monitor.models.services import OTHER

# An application with more processes than this at a time is counted all the same; only not listed whole.
MAX_INSTANCES = 2_000
MAX_MESSAGE_CHARS = 2048
MAX_TYPE_CHARS = 256
MAX_FIELD_CHARS = 512
# Clients give a message up after an hour; twice that, and some for clocks.
MESSAGES_KEPT = timedelta(hours=3)
INSTANCES_KEPT = timedelta(days=30)
ROWS_A_BITE = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """Requests of one endpoint, status and consumer; see monitor.metrics.counted for latencies and sizes.

    With a `series` the numbers are all that it has counted so far, of which some may have been told before.
    """

    counted_at: datetime
    method: str
    route: str
    status_code: int | None
    consumer: str = ""
    requests: int
    request_bytes: int = 0
    response_bytes: int = 0
    request_sized: int | None = None
    response_sized: int | None = None
    latency_ms: float = 0.0
    buckets: Mapping[int, int] = field(default_factory=dict)
    series: Series | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorGroup:
    """An error that was met `count` times at an endpoint, by one consumer or by none that is known."""

    kind: str
    method: str
    route: str
    type: str
    message: str
    count: int
    consumer: str = ""
    field: str = ""
    traceback: str = ""
    sentry_event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerDetails:
    """What is known of a consumer; None for what was not told."""

    identifier: str
    name: str | None = None
    group: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceDetails:
    """The process that sends; None for what was not told."""

    name: str
    started: bool = False
    client: str | None = None
    versions: Mapping[str, str] | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """One message of a client. `message_id` is the same when it is sent again, and of no other message."""

    message_id: str
    environment: str
    told_at: datetime | None = None
    instance: InstanceDetails | None = None
    counts: Sequence[Count] = ()
    consumers: Sequence[ConsumerDetails] = ()
    paths: Sequence[tuple[str, str]] = ()
    errors: Sequence[ErrorGroup] = ()


def keep_report(report: Report, sender: Sender, *, now: datetime) -> bool:
    """Keep what a client told, once however often it is sent. False for what was kept before.

    When this returns, it is committed.
    """
    environment = label(report.environment, MAX_CONTEXT_CHARS)
    told_at = moment(report.told_at, sender, now=now)
    counted = {
        place: counted_of(each, environment, sender, now=now) for place, each in enumerate(report.counts)
    }
    excluded = excluded_places(report.counts, sender)
    kept = {place: each for place, each in counted.items() if place not in excluded}
    errors = [(each, named(each, sender)) for each in report.errors if not excluding_rule(each.route, sender)]
    declared = [name_of(*path, sender) for path in report.paths if not excluding_rule(path[1], sender)]
    names = naming.names_for([*kept.values(), *(each for _, each in errors), *declared], now=now)
    # Before the counts: numbers that are not there yet are seen sooner than numbers that are there twice.
    note_days({day_of(each) for each in kept.values()})
    with transaction.atomic():
        if not is_new(report.message_id, sender, now=now):
            return False
        growing = {place: each.series for place, each in enumerate(report.counts) if each.series is not None}
        # What is excluded is followed too: its series may be wanted one day, from then on.
        news = grown(counted, growing, service_id=sender.service_id, now=now)
        note_counted([each for place, each in news.items() if place not in excluded], names)
        if report.instance is not None:
            keep_instance(report.instance, environment, sender, told_at=told_at, now=now)
        keep_consumers(report.consumers, sender, now=now)
        keep_errors(errors, names, environment, sender, told_at=told_at)
        declare(declared, names, now=now)
    for place, rule in excluded.items():
        count_left_out(rule, news[place].requests if place in news else 0)
    deltas.hurry_if_much_waits(len(kept))
    return True


def excluded_places(counts: Sequence[Count], sender: Sender) -> dict[int, str]:
    """The rule for each count that is not kept."""
    found = ((place, excluding_rule(each.route, sender)) for place, each in enumerate(counts))
    return {place: rule for place, rule in found if rule is not None}


def keep_reports(reports: Iterable[Report], sender: Sender, *, now: datetime) -> None:
    """Keep each of them."""
    for report in reports:
        keep_report(report, sender, now=now)


def moment(told: datetime | None, sender: Sender, *, now: datetime) -> datetime:
    """When it was, as the client says unless its clock cannot be right."""
    if told is None or told > now + MAX_CLOCK_LEAD or told < sender.retention.oldest_kept(now, failed=False):
        return now
    return told.astimezone(UTC)


def counted_of(count: Count, environment: str, sender: Sender, *, now: datetime) -> Counted:
    name = named(count, sender)
    return Counted(
        organization_id=name.organization_id,
        service_id=name.service_id,
        environment=environment,
        mode=sender.mode,
        method=name.method,
        route=name.route,
        consumer_identifier=name.consumer_identifier,
        status_code=count.status_code,
        captured_at=moment(count.counted_at, sender, now=now),
        requests=count.requests,
        request_bytes=count.request_bytes,
        response_bytes=count.response_bytes,
        request_sized=count.request_sized,
        response_sized=count.response_sized,
        latency_ms=count.latency_ms,
        buckets=count.buckets,
    )


def day_of(counted: Counted) -> Place:
    day: date = counted.captured_at.date()
    return Place(counted.service_id, counted.environment, counted.mode, day)


def is_new(message_id: str, sender: Sender, *, now: datetime) -> bool:
    """Whether the message is told for the first time. One that is told twice at once waits for the other."""
    digest = hashlib.sha256(f"{sender.service_id}:{sender.mode}:{message_id}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO received_message (digest, received_at) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [digest, now],
        )
        return bool(cursor.rowcount)


def keep_instance(
    told: InstanceDetails, environment: str, sender: Sender, *, told_at: datetime, now: datetime
) -> None:
    """The process, as it says of itself; seen when it said so. Late messages do not make it older."""
    place = {
        "service_id": sender.service_id,
        "environment": environment,
        "mode": sender.mode,
        "name": label(told.name, MAX_CONTEXT_CHARS),
    }
    details: dict[str, Any] = {
        "client": label(told.client, MAX_CONTEXT_CHARS) if told.client is not None else None,
        "versions": dict(told.versions) if told.versions is not None else None,
        "started_at": told_at if told.started else None,
        "cpu_percent": told.cpu_percent,
        "memory_bytes": told.memory_bytes,
    }
    known = {name: value for name, value in details.items() if value is not None}
    seen_at = min(told_at, now)
    instances = Instance.objects.filter(**place)
    changed: dict[str, Any] = {"last_seen_at": Greatest("last_seen_at", seen_at), **known}
    if instances.update(**changed):
        return
    if Instance.objects.filter(service_id=sender.service_id).count() < MAX_INSTANCES:
        made = Instance(**place, **known, first_seen_at=now, last_seen_at=seen_at)
        Instance.objects.bulk_create([made], ignore_conflicts=True)
        # Clients tell of their start and of their first counts at once: one of the two made the row, and
        # what the other knows is not in it yet.
        instances.update(**changed)


def keep_consumers(told: Iterable[ConsumerDetails], sender: Sender, *, now: datetime) -> None:
    """Names and groups. What is not told stays as it is."""
    by_identifier = {label(each.identifier, MAX_NAME_CHARS): each for each in told if each.identifier}
    if not by_identifier:
        return
    owner = naming.OrganizationConsumers(sender.organization_id, now)
    missing = sorted(by_identifier.keys() - owner.find(set(by_identifier)).keys())
    owner.make(missing[: max(owner.room(), 0)] if missing else [])
    for identifier, each in sorted(by_identifier.items()):
        changed: dict[str, str] = {}
        if each.name:
            changed["name"] = label(each.name, MAX_NAME_CHARS)
        if each.group:
            changed["group"] = label(each.group, MAX_CONTEXT_CHARS)
        same = Q(**changed)
        rows = Consumer.objects.filter(organization_id=sender.organization_id, identifier=identifier)
        if changed:
            rows.exclude(same).update(**changed)


ADD_ERRORS = """
INSERT INTO error_count AS known (id, service_id, environment, mode, day, kind, endpoint_id, consumer_id,
    fingerprint, type, message, field, traceback, sentry_event_id, count, first_seen_at, last_seen_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (service_id, environment, mode, day, fingerprint) DO UPDATE SET
    count = known.count + EXCLUDED.count,
    first_seen_at = least(known.first_seen_at, EXCLUDED.first_seen_at),
    last_seen_at = greatest(known.last_seen_at, EXCLUDED.last_seen_at),
    traceback = CASE WHEN EXCLUDED.traceback = '' THEN known.traceback ELSE EXCLUDED.traceback END,
    sentry_event_id =
        CASE WHEN EXCLUDED.sentry_event_id = '' THEN known.sentry_event_id ELSE EXCLUDED.sentry_event_id END
"""


def keep_errors(
    told: Sequence[tuple[ErrorGroup, Named]],
    names: naming.Names,
    environment: str,
    sender: Sender,
    *,
    told_at: datetime,
) -> None:
    """Add errors to the counts of their day."""
    rows = []
    for error, name in told:
        endpoint_id, consumer_id = names.endpoint_of(name), names.consumer_of(name)
        kind = label(error.type.removeprefix("builtins."), MAX_TYPE_CHARS)
        message = masking.mask_text(storable(error.message), rules=RULES)[:MAX_MESSAGE_CHARS]
        where = label(error.field, MAX_FIELD_CHARS)
        told_apart = "\0".join(map(str, (error.kind, endpoint_id, consumer_id, kind, where, message)))
        rows.append(
            (
                *(new_uuid7(), sender.service_id, environment, sender.mode, told_at.date(), error.kind),
                *(endpoint_id, consumer_id, hashlib.sha256(told_apart.encode()).digest()),
                *(kind, message, where),
                cut(masking.mask_text(storable(error.traceback), rules=RULES))[0],
                label(error.sentry_event_id, MAX_CONTEXT_CHARS),
                *(error.count, told_at, told_at),
            )
        )
    if rows:
        # In one order, so that two processes that met the same errors wait for each other, not forever.
        rows.sort(key=lambda row: row[8])
        with connection.cursor() as cursor:
            cursor.executemany(ADD_ERRORS, rows)


def declare(paths: Sequence[Named], names: naming.Names, *, now: datetime) -> None:
    """Mark the endpoints that the application lists; they were made when they were named."""
    ids = {names.endpoint_of(path) for path in paths}
    if ids:
        listed = Endpoint.objects.filter(id__in=ids).exclude(route=OTHER)
        listed.filter(Q(declared_at=None) | Q(declared_at__lt=now)).update(declared_at=now)


def forget_old(*, now: datetime) -> None:
    """Remove what nobody asks for any more, in bites, so that nobody waits for a lock."""
    ages = (
        ("received_message", "digest", "received_at < %s", now - MESSAGES_KEPT),
        ("instance", "id", "last_seen_at < %s", now - INSTANCES_KEPT),
        ("counted_series", "digest", "seen_at < %s", now - SERIES_KEPT),
        ("error_count", "id", "day < %s", (now - DAYS_KEPT).date()),
    )
    with connection.cursor() as cursor:
        for table, key, is_old, before in ages:
            while True:
                cursor.execute(
                    f"DELETE FROM {table} WHERE {key} IN"  # noqa: S608 - our own words
                    f" (SELECT {key} FROM {table} WHERE {is_old} LIMIT {ROWS_A_BITE})",
                    [before],
                )
                if cursor.rowcount < ROWS_A_BITE:
                    break
        cursor.execute("DELETE FROM counted_day WHERE day < %s", [(now - DAYS_KEPT).date()])
