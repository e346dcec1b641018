"""What the worker does about the reports of clients, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.ingest.reports import forget_old


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="forget_reports", retry=3)
def forget_reports(timestamp: int) -> None:
    """Let messages, errors and instances go when their time is over."""
    forget_old(now=timezone.now())
