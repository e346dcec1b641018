"""What the worker does about limits."""

import time

from procrastinate.contrib.django import app

from monitor.models import RateBucket


@app.periodic(cron="53 * * * *")
@app.task(queueing_lock="forget_full_buckets")
def forget_full_buckets(timestamp: int) -> None:
    """Remove buckets that are full again: one that is not there is full."""
    RateBucket.objects.filter(full_at__lt=time.time() - 60).delete()
