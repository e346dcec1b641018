"""What the worker does for searches, by the clock."""

import logging

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.lib.locks import AlreadyRunning
from monitor.search.path_index import index_closed_days

logger = logging.getLogger(__name__)


# Hourly, though a day closes but once: a day that retention rewrote has lost its index.
@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="index_paths")
def index_paths(timestamp: int) -> None:
    """Index the paths of days that are closed."""
    try:
        index_closed_days(now=timezone.now())
    except AlreadyRunning:
        logger.info("Paths are being indexed by another process.")
