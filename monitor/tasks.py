"""A short list: every room's tasks."""

from monitor.access.tasks import record_expired
from monitor.alerts.tasks import forget_evaluations, judge_rules
from monitor.api.tasks import forget_idempotency_keys
from monitor.audit.tasks import forget_audit
from monitor.channels.tasks import forget_old_notifications
from monitor.compliance.tasks import delete_organization
from monitor.consumers.tasks import erase_consumer
from monitor.endpoints.tasks import move_endpoint
from monitor.health.tasks import forget_minutes
from monitor.ingest.tasks import forget_reports
from monitor.issues.tasks import group_errors, remove_old_issues
from monitor.limits.tasks import forget_full_buckets
from monitor.mail.tasks import mail_owners
from monitor.metrics.tasks import compact_deltas, remove_old_rollups
from monitor.monitors.tasks import turn_beat_days, watch_monitors
from monitor.packing.tasks import learn_dictionaries
from monitor.queue.tasks import forget_finished_jobs, retry_stalled_jobs
from monitor.retention.tasks import turn_days, watch_disk
from monitor.sandbox.tasks import drop_sandbox
from monitor.search.tasks import index_paths
from monitor.services.tasks import purge_service
from monitor.status.tasks import forget_subscriptions, tell_planned_work
from monitor.usage.tasks import add_up_usage, forget_old_usage
from monitor.webhooks.tasks import forget_old_webhooks

__all__ = [
    "add_up_usage",
    "compact_deltas",
    "delete_organization",
    "drop_sandbox",
    "erase_consumer",
    "forget_audit",
    "forget_evaluations",
    "forget_finished_jobs",
    "forget_full_buckets",
    "forget_idempotency_keys",
    "forget_minutes",
    "forget_old_notifications",
    "forget_old_usage",
    "forget_old_webhooks",
    "forget_reports",
    "forget_subscriptions",
    "group_errors",
    "index_paths",
    "judge_rules",
    "learn_dictionaries",
    "mail_owners",
    "move_endpoint",
    "purge_service",
    "record_expired",
    "remove_old_issues",
    "remove_old_rollups",
    "retry_stalled_jobs",
    "tell_planned_work",
    "turn_beat_days",
    "turn_days",
    "watch_disk",
    "watch_monitors",
]
