"""What the worker does for keys, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.access.expiry import record_expired_keys


# No retry: the next one is close.
@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="record_expired_keys")
def record_expired(timestamp: int) -> None:
    """Have the audit log say which keys expired."""
    record_expired_keys(now=timezone.now())
