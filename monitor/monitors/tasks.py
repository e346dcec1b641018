"""What the worker does about monitors, by the clock."""

from django.utils import timezone
from procrastinate.contrib.django import app

from monitor.monitors.days import let_old_beats_go, make_beat_days_ahead
from monitor.monitors.expiring import tell_expiring
from monitor.monitors.folding import fold_days
from monitor.monitors.registries import ask_registries
from monitor.monitors.watchdog import mark_silent


@app.periodic(cron="11 * * * *")
@app.task(queueing_lock="turn_beat_days", retry=3)
def turn_beat_days(timestamp: int) -> None:
    """Make days of beats ahead, fold those that are over, and let old ones go."""
    now = timezone.now()
    make_beat_days_ahead(now=now)
    fold_days(now=now)
    let_old_beats_go(now=now)


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="tell_expiring", retry=1)
def tell_what_expires(timestamp: int) -> None:
    """Ask registries about domains, and tell of what ends soon."""
    now = timezone.now()
    ask_registries(now=now)
    tell_expiring(now=now)


# By the worker too: where no prober runs, none could tell.
@app.periodic(cron="* * * * *")
@app.task(queueing_lock="watch_monitors", retry=1)
def watch_monitors(timestamp: int) -> None:
    """Mark monitors that nobody checks."""
    mark_silent(now=timezone.now())
