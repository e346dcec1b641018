"""One look at everything that tells how this installation is doing."""

from collections import Counter as Counted
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import TruncMinute

from monitor.lib.counting import DELIVERED, INGESTED, LIMITED, REJECTED, WEBHOOKS
from monitor.models import Counter, CounterMinute, RequestLog, StorageEvent
from monitor.models.partitions import existing_days
from monitor.retention.disk import Disk, look_at_disk
from monitor.retention.storage import oldest_log, overdue_days
from monitor.search.path_index import PathIndexes, look_at_path_indexes

RATE_WINDOW = timedelta(minutes=5)
CHART_WINDOW = timedelta(hours=1)
# Heartbeats come every 10 s; after a minute the queue's own rescue gives a worker up too.
SILENT_WORKER = timedelta(seconds=60)
LONG_LAG = timedelta(minutes=5)
LATE_CHECK = timedelta(hours=3)
QUEUE = (
    "SELECT count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'),"
    " count(*) FILTER (WHERE status = 'failed') FROM procrastinate_jobs"
)
# A job without a time of its own waits since it was deferred.
OLDEST_DUE = (
    "SELECT min(coalesce(scheduled_at, at)) FROM procrastinate_jobs job"
    " JOIN procrastinate_events event ON event.job_id = job.id AND event.type = 'deferred'"
    " WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= %s)"
)

# A look at the index for each endpoint. One with a rate limit may well have something waiting.
WEBHOOKS_DUE = (
    "SELECT min(first.next_attempt_at) FROM webhook_endpoint e CROSS JOIN LATERAL"
    " (SELECT next_attempt_at FROM webhook_delivery WHERE endpoint_id = e.id AND status = 'pending'"
    " ORDER BY next_attempt_at LIMIT 1) first"
    " WHERE e.disabled_at IS NULL AND e.deleted_at IS NULL AND e.rate_limit_per_minute IS NULL"
    " AND NOT EXISTS (SELECT FROM webhook_delivery WHERE status = 'leased')"
)


@dataclass(frozen=True, kw_only=True)
class Queue:
    waiting: int
    running: int
    failed: int
    lag: timedelta
    """How long the job that has waited longest is due."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """`workers` are their last heartbeats, newest first; `rejected` is by reason, of the last hour, of which
    `limited` and `webhooks_failed` are, too."""

    now: datetime
    logs_a_second: float
    logs_by_minute: Mapping[datetime, float]
    rejected: Mapping[str, int]
    limited: int
    webhooks_failed: int
    queue: Queue
    workers: list[datetime]
    disk: Disk
    days_ahead: int
    oldest_log: datetime | None
    newest_log: datetime | None
    last_check: datetime | None
    overdue: list[date]
    path_indexes: PathIndexes
    webhooks_wait: timedelta
    """How long the delivery that has waited longest is due while nobody sends any."""

    @property
    def warnings(self) -> list[str]:
        """What needs a hand, in whole sentences; empty when all is well."""
        return [words for words in self._possible_warnings() if words]

    def _possible_warnings(self) -> list[str]:
        return [
            "" if self.working else "No worker is running: nothing is let go, removed or tried again.",
            f"Jobs wait for {self.queue.lag // timedelta(minutes=1)} minutes: the worker does not keep up."
            if self.queue.lag > LONG_LAG
            else "",
            f"Webhooks wait for {self.webhooks_wait // timedelta(minutes=1)} minutes: nobody delivers them."
            if self.webhooks_wait > LONG_LAG
            else "",
            f"Retention lags: {counted(len(self.overdue), 'day')} should be gone, first {self.overdue[0]}."
            if self.overdue
            else "",
            "Retention was last enforced to its end more than 3 hours ago."
            if self.last_check is not None and self.now - self.last_check > LATE_CHECK
            else "",
            f"The disk guard is dropping days before their time: {self.disk.over_limit}."
            if self.disk.over_limit
            else "",
            "No partitions are made for the days to come." if self.days_ahead < 1 else "",
        ]

    @property
    def working(self) -> list[datetime]:
        return [beat for beat in self.workers if self.now - beat <= SILENT_WORKER]


def look(*, now: datetime) -> Report:
    """As the database knows it; counts of the last seconds may still be in other processes' memory."""
    by_minute = logs_by_minute(now=now)
    recent = sum(logs for minute, logs in by_minute.items() if minute >= now - RATE_WINDOW)
    today, failures = now.date(), failed_within_hour(now=now)
    newest = RequestLog.objects.within(now - timedelta(days=3650), now + timedelta(days=1)).newest_first()
    return Report(
        now=now,
        logs_a_second=recent / RATE_WINDOW.total_seconds(),
        logs_by_minute=by_minute,
        rejected=rejected_by_reason(now=now),
        limited=failures[LIMITED],
        webhooks_failed=failures[WEBHOOKS],
        queue=look_at_queue(now=now),
        workers=heartbeats(),
        disk=look_at_disk(),
        days_ahead=sum(day > today for day in existing_days()),
        oldest_log=oldest_log(now=now),
        newest_log=newest.values_list("captured_at", flat=True).first(),
        last_check=StorageEvent.objects.last_check(),
        overdue=overdue_days(now=now),
        path_indexes=look_at_path_indexes(now=now),
        webhooks_wait=webhooks_wait(now=now),
    )


def logs_by_minute(*, now: datetime) -> dict[datetime, float]:
    rows = (
        CounterMinute.objects.filter(name=INGESTED, minute__gt=now - CHART_WINDOW)
        .annotate(at=TruncMinute("minute"))
        .values("at")
        .annotate(logs=Sum("value"))
        .order_by("at")
    )
    return {row["at"]: row["logs"] for row in rows}


def rejected_by_reason(*, now: datetime) -> dict[str, int]:
    rows = (
        CounterMinute.objects.filter(name=REJECTED, minute__gt=now - CHART_WINDOW)
        .values("labels")
        .annotate(times=Sum("value"))
        .order_by("-times", "labels")
    )
    return {row["labels"].split('"')[1]: int(row["times"]) for row in rows}


def failed_within_hour(*, now: datetime) -> Counted[str]:
    """Calls beyond a limit, and attempts to deliver a webhook that did not."""
    rows = (
        CounterMinute.objects.filter(name__in=[LIMITED, WEBHOOKS], minute__gt=now - CHART_WINDOW)
        .exclude(labels=DELIVERED)
        .values("name")
        .annotate(times=Sum("value"))
        .order_by("name")
    )
    return Counted({row["name"]: int(row["times"]) for row in rows})


def look_at_queue(*, now: datetime) -> Queue:
    with connection.cursor() as cursor:
        cursor.execute(QUEUE)
        waiting, running, failed = cursor.fetchone()
        cursor.execute(OLDEST_DUE, [now])
        [due] = cursor.fetchone()
    lag = max(now - due, timedelta(0)) if due is not None else timedelta(0)
    return Queue(waiting=waiting, running=running, failed=failed, lag=lag)


def webhooks_wait(*, now: datetime) -> timedelta:
    with connection.cursor() as cursor:
        cursor.execute(WEBHOOKS_DUE)
        [due] = cursor.fetchone()
    return max(now - due, timedelta(0)) if due is not None else timedelta(0)


def heartbeats() -> list[datetime]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_heartbeat FROM procrastinate_workers ORDER BY last_heartbeat DESC")
        return [beat for (beat,) in cursor]


def counters() -> dict[str, dict[str, float]]:
    """All sums by name and labels."""
    sums: dict[str, dict[str, float]] = {}
    for counter in Counter.objects.order_by("name", "labels"):
        sums.setdefault(counter.name, {})[counter.labels] = counter.value
    return sums


def counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
