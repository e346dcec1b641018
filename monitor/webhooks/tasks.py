"""What the worker does for webhooks, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.webhooks.forgetting import forget_old


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="forget_old_webhooks", retry=3)
def forget_old_webhooks(timestamp: int) -> None:
    """Let events and deliveries go that are too old to keep."""
    forget_old(now=timezone.now())
