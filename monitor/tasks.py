"""A short list: every room's tasks."""

from monitor.health.tasks import forget_minutes
from monitor.queue.tasks import forget_finished_jobs, retry_stalled_jobs
from monitor.retention.tasks import turn_days, watch_disk
from monitor.services.tasks import purge_service

__all__ = [
    "forget_finished_jobs",
    "forget_minutes",
    "purge_service",
    "retry_stalled_jobs",
    "turn_days",
    "watch_disk",
]
