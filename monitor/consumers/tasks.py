"""What the worker does for consumers."""

from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.consumers.erase import LAST_LOOK_AFTER, erase


@app.task(queue="default", retry=5)
def erase_consumer(*, consumer_id: str) -> None:
    """Erase what the logs of a forgotten consumer hold, and look once more when its name is let go."""
    if not erase(UUID(consumer_id), now=timezone.now()):
        seconds = int(LAST_LOOK_AFTER.total_seconds()) + 1
        erase_consumer.configure(schedule_in={"seconds": seconds}).defer(consumer_id=consumer_id)
