"""What the worker does for channels, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.channels.forgetting import forget_old


@app.periodic(cron="41 * * * *")
@app.task(queueing_lock="forget_old_notifications", retry=3)
def forget_old_notifications(timestamp: int) -> None:
    """Let notifications go that are too old to keep."""
    forget_old(now=timezone.now())
