"""The health report as Prometheus reads it: text format 0.0.4."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.health.report import Report
from monitor.lib.counting import (
    BUCKETS,
    DURATION,
    EXCLUDED,
    INGESTED,
    LIMITED,
    NOTIFICATIONS,
    REJECTED,
    REPEATED,
    WEBHOOKS,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sums = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A metric with what it means. Sample names are the family's, with a suffix in histograms."""

    name: str
    kind: str
    help: str


COUNTERS = (
    Family(name=INGESTED, kind="counter", help="Logs that were committed."),
    Family(name=REPEATED, kind="counter", help="Logs that had been kept already and were not kept twice."),
    Family(name=EXCLUDED, kind="counter", help="Logs that a rule of their service says not to keep."),
    Family(name=REJECTED, kind="counter", help="Logs or whole requests that were not kept, by error code."),
    Family(name=WEBHOOKS, kind="counter", help="Attempts to deliver webhooks, by what came of them."),
    Family(
        name=NOTIFICATIONS,
        kind="counter",
        help="Attempts to tell people, by kind of channel and what came of them.",
    ),
    Family(name=LIMITED, kind="counter", help="Requests beyond a limit, by the limit."),
)
HISTOGRAM = Family(name=DURATION, kind="histogram", help="Time to answer a request, by face of the product.")


def exposition(report: Report, sums: Sums) -> str:
    """Everything, ending in a newline as the format asks."""
    return "\n".join([*counter_lines(sums), *histogram_lines(sums), *gauge_lines(report)]) + "\n"


def counter_lines(sums: Sums) -> Iterator[str]:
    for family in COUNTERS:
        yield from head(family)
        # A counter without labels is there from the start, so that its first increase is seen as one.
        found = sums.get(family.name) or (
            {} if family.name in (REJECTED, WEBHOOKS, NOTIFICATIONS, LIMITED) else {"": 0.0}
        )
        for labels, value in found.items():
            yield sample(family.name, value, labels)


def histogram_lines(sums: Sums) -> Iterator[str]:
    yield from head(HISTOGRAM)
    faces = sums.get(f"{DURATION}_count", {})
    for face, count in faces.items():
        buckets = sums[f"{DURATION}_bucket"]
        for end in (*map(str, BUCKETS), "+Inf"):
            labels = f'{face},le="{end}"'
            yield sample(f"{DURATION}_bucket", buckets.get(labels, 0.0), labels)
        yield sample(f"{DURATION}_sum", sums[f"{DURATION}_sum"][face], face)
        yield sample(f"{DURATION}_count", count, face)


def gauge_lines(report: Report) -> Iterator[str]:
    gauges: list[tuple[str, float | None, str]] = [
        ("apimonitor_queue_jobs_waiting", report.queue.waiting, "Jobs that wait to be run."),
        ("apimonitor_queue_jobs_running", report.queue.running, "Jobs that are being run."),
        ("apimonitor_queue_jobs_failed", report.queue.failed, "Jobs that failed for good."),
        (
            "apimonitor_queue_lag_seconds",
            report.queue.lag.total_seconds(),
            "How long the job that has waited longest is due.",
        ),
        (
            "apimonitor_webhook_lag_seconds",
            report.webhooks_wait.total_seconds(),
            "How long the webhook that has waited longest is due while nobody sends any.",
        ),
        ("apimonitor_workers", len(report.working), "Workers with a heartbeat within the last minute."),
        ("apimonitor_database_size_bytes", report.disk.database, "What the database takes on disk."),
        ("apimonitor_disk_free_bytes", report.disk.free, "Left on the disk of the embedded PostgreSQL."),
        ("apimonitor_partitions_ahead_days", report.days_ahead, "Days to come that have partitions."),
        (
            "apimonitor_oldest_log_timestamp_seconds",
            stamp(report.oldest_log),
            "When the oldest log happened.",
        ),
        (
            "apimonitor_newest_log_timestamp_seconds",
            stamp(report.newest_log),
            "When the newest log happened.",
        ),
        (
            "apimonitor_retention_last_check_timestamp_seconds",
            stamp(report.last_check),
            "When retention was last enforced to its end.",
        ),
        ("apimonitor_retention_overdue_days", len(report.overdue), "Days that should be gone and are not."),
        ("apimonitor_warnings", len(report.warnings), "Warnings that the health page shows."),
    ]
    for name, value, words in gauges:
        if value is not None:
            yield from head(Family(name=name, kind="gauge", help=words))
            yield sample(name, value)


def stamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def head(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}"
    yield f"# TYPE {family.name} {family.kind}"


def sample(name: str, value: float, labels: str = "") -> str:
    return f"{name}{{{labels}}} {float(value)!r}" if labels else f"{name} {float(value)!r}"
