"""What the worker does for usage, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.usage.add_up import add_up, forget_old


# The sixth field is seconds. What waits is read as well, so this bounds the reading alone.
@app.periodic(cron="* * * * * */20")
@app.task(queueing_lock="add_up_usage")
def add_up_usage(timestamp: int) -> None:
    """Add up what was used since the last time."""
    add_up()


@app.periodic(cron="29 3 * * *")
@app.task(queueing_lock="forget_old_usage")
def forget_old_usage(timestamp: int) -> None:
    """Let days go that are older than 400."""
    forget_old(now=timezone.now())
