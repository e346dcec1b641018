"""What the worker does about limits."""

from django.db import connection
from procrastinate.contrib.django import app

# By the database's clock, by which they are counted: a worker whose own is ahead would give quotas anew.
FORGET = "DELETE FROM rate_bucket WHERE full_at < extract(epoch FROM clock_timestamp()) - 60"


@app.periodic(cron="53 * * * *")
@app.task(queueing_lock="forget_full_buckets")
def forget_full_buckets(timestamp: int) -> None:
    """Remove buckets that are full again: one that is not there is full."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET)
