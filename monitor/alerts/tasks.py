"""What the worker does about rules, by the clock."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.alerts.evaluations import drop_old_evaluations
from monitor.alerts.matches import tell_matches
from monitor.alerts.news import tell_news
from monitor.alerts.rounds import judge_windows
from monitor.lib.locks import AlreadyRunning, only_one

logger = logging.getLogger(__name__)
# Two rounds at once would tell everything twice. Any number will do.
ROUND_LOCK = 7_120_411


# The sixth field is seconds: senders that batch have so long to bring the last minute's logs.
@app.periodic(cron="* * * * * 12")
@app.task(queueing_lock="judge_rules")
def judge_rules(timestamp: int) -> None:
    """Judge all rules that look at windows, and tell what the others found."""
    try:
        with only_one(ROUND_LOCK):
            for step in (tell_matches, tell_news, judge_windows):
                take(step, now=timezone.now())
    except AlreadyRunning:
        logger.info("Rules are being judged by another process.")


def take(step: Callable[..., object], *, now: datetime) -> None:
    """One step of the minute; what fails in it must not keep the others from telling. It is tried again the
    next minute, as its transaction left everything as it was."""
    try:
        step(now=now)
    except Exception:
        logger.exception("Rules: %s failed", step.__name__)


@app.periodic(cron="43 * * * *")
@app.task(queueing_lock="forget_evaluations", retry=3)
def forget_evaluations(timestamp: int) -> None:
    """Drop the days of evaluations that are past their time."""
    drop_old_evaluations(now=timezone.now())
