"""Hours of consumers, kept as long as logs where each stands for many requests.

A window that begins three weeks ago begins within some hour, and what lies between it and the next six hours
is counted from the logs, unless the hours are there. With ten million logs that took longer than all else;
with a million there is nearly a row for each log, which is dear and spares little.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import SerializationFailure

from monitor.metrics import rollups, tiles
from monitor.metrics.cells import Cells, coarser, minutes_of
from monitor.metrics.check import lasting, recount_hours, rollup_lock
from monitor.metrics.compact import take_in
from monitor.metrics.question import first_whole_day
from monitor.models import CountedDay, MetricFold, Service
from monitor.models.metrics import Family, Resolution

# Requests that an hour of a consumer stands for, on average over all services, where it is worth its 400
# bytes: 50 a log at most, and where there are more requests, less.
WORTH = 8
# Lower than that, or in between the two logs would be counted again and again.
GIVEN_UP_BELOW = 4
DAY = timedelta(days=1)
# As rows of what is over are looked at: within the days that every service has hours of.
LOOKED_AT = timedelta(days=4)


def keep_hours(*, now: datetime) -> int:
    """Decide whether consumers' hours are kept, and count those that are missing from the logs.

    Gives how many days of services were counted.

    Of all services or of none: a question to all of them needs all, and thin ones have few rows.
    """
    worth = requests_an_hour(now=now)
    if worth is None:
        return 0
    if worth < GIVEN_UP_BELOW:
        MetricFold.objects.exclude(hours_from=None).update(hours_from=None)
    if worth < WORTH and not MetricFold.objects.exclude(hours_from=None).exists():
        return 0
    services = Service.objects.alive().order_by("id").values_list("id", flat=True)
    return sum(keep_hours_of(service_id, now=now) for service_id in list(services))


def keep_hours_of(service_id: UUID, *, now: datetime) -> int:
    """Those of one service, a day in a transaction of its own: a killed worker goes on where it was."""
    # The first whole day that the usual time leaves.
    there = tiles.ceiling(rollups.kept_from(Resolution.HOUR, Family.CONSUMER, now=now), DAY)
    MetricFold.objects.filter(service=service_id, hours_from=None).update(hours_from=there)
    counted = 0
    while count_day_before(service_id, now=now):
        counted += 1
    return counted


def requests_an_hour(*, now: datetime) -> float | None:
    """How many requests an hour of a consumer stands for; None where there are none to tell by."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(requests) FROM metric_rollup WHERE family = 'consumer'"
            " AND resolution = 'hour' AND start >= %s AND start < %s",
            [now - LOOKED_AT, now],
        )
        rows, requests = cursor.fetchone()
    return float(requests / rows) if rows else None


def count_day_before(service_id: UUID, *, now: datetime) -> bool:
    """Count the hours of the day before those that are there; False where that is not needed or possible."""
    with rollup_lock():
        try:
            return _count_day_before(service_id, now=now)
        except OperationalError as error:
            # Somebody changed the service meanwhile: the next round tries again.
            if not isinstance(error.__cause__, SerializationFailure):
                raise
            return False


def _count_day_before(service_id: UUID, *, now: datetime) -> bool:
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            # One snapshot for deltas and logs, as in check.
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        mark = MetricFold.objects.filter(service=service_id).first()
        if mark is None or mark.hours_from is None:
            return False
        since = mark.hours_from - DAY
        # Of days that clients have counted, logs cannot tell all.
        is_counted = CountedDay.objects.filter(service=service_id, day=since.date()).exists()
        oldest = max(first_whole_day([service_id], now), now - rollups.long_hours_kept())
        if is_counted or since < oldest:
            return False
        take_in(None, now=now)
        MetricFold.objects.filter(service=service_id).update(hours_from=since)
        rollups.write(hours_of_day(service_id, since, now=now))
        return True


def hours_of_day(service_id: UUID, since: datetime, *, now: datetime) -> Cells:
    facts = recount_hours(service_id, since, since + DAY)
    hours = coarser(minutes_of(facts, (Family.CONSUMER.value,)), Resolution.HOUR)
    return lasting(hours, now=now, hours_from={service_id.bytes: since})
