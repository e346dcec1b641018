"""What the worker learns, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.packing.learning import learn_all


@app.periodic(cron="47 * * * *")
@app.task(queueing_lock="learn_dictionaries")
def learn_dictionaries(timestamp: int) -> None:
    """Learn what new logs are packed by; those that are there stay as they are."""
    learn_all(now=timezone.now())
