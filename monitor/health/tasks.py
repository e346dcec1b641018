"""What the worker does about counts."""

from datetime import timedelta

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.models import CounterMinute

KEEP_MINUTES = timedelta(hours=25)


@app.periodic(cron="41 * * * *")
@app.task(queueing_lock="forget_minutes")
def forget_minutes(timestamp: int) -> None:
    """Remove the minutes of the day before."""
    CounterMinute.objects.filter(minute__lt=timezone.now() - KEEP_MINUTES).delete()
