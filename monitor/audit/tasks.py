"""What the worker does for the audit log, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.audit.forgetting import forget_old
from monitor.audit.record import record


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="forget_audit", retry=3)
def forget_audit(timestamp: int) -> None:
    """Let go what is older than AUDIT_DAYS."""
    if count := forget_old(now=timezone.now()):
        record("audit_log.purged", target_type="audit_log", note=f"{count:,} rows older than AUDIT_DAYS.")
