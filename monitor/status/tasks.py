"""What the worker does for the subscribers of status pages, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.models import StatusNotice
from monitor.status.desk import forget_old
from monitor.status.subscribing import forget_pending
from monitor.status.telling import tell_maintenance


# Windows of maintenance begin and end by the minute.
@app.periodic(cron="* * * * *")
@app.task(queueing_lock="tell_maintenance", retry=1)
def tell_planned_work(timestamp: int) -> None:
    """Tell subscribers of maintenance that is planned, began or is over."""
    tell_maintenance(now=timezone.now())


@app.periodic(cron="27 * * * *")
@app.task(queueing_lock="forget_subscriptions", retry=3)
def forget_subscriptions(timestamp: int) -> None:
    """Let go of questions that nobody answered, and of what was told long ago."""
    now = timezone.now()
    forget_pending(now=now)
    forget_old(now=now)
    StatusNotice.objects.filter(happened_at__lt=now - StatusNotice.KEPT).delete()
