"""What the worker does for issues, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.issues import from_counts, grouping


# The sixth field is seconds. Without a note it is one statement. No retry: the next one is close.
@app.periodic(cron="* * * * * */15")
@app.task(queueing_lock="group_errors")
def group_errors(timestamp: int) -> None:
    """Turn the failures that arrived into issues, and then what clients counted that no log tells of."""
    grouping.group_errors(now=timezone.now())
    from_counts.group_counts(now=timezone.now())


@app.periodic(cron="47 * * * *")
@app.task(queueing_lock="remove_old_issues", retry=3)
def remove_old_issues(timestamp: int) -> None:
    """Let issues and their hours go when their time is over."""
    grouping.remove_old(now=timezone.now())
