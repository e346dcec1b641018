"""Where the sender takes notifications from, and brings what became of them: see monitor.webhooks.sender."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from monitor.channels.claim import claim, lapsed, renew
from monitor.channels.results import keep_outcomes
from monitor.channels.sending import AnyJob, Job, Outcome, attempt
from monitor.webhooks.sender import LAPSED


class ChannelDesk:
    """Notifications on their way to channels."""

    name = "notify"

    def look(self, *, now: datetime) -> None:
        """Nothing to do: deliveries come about in the transaction of what they tell."""

    def claim(self, *, free: int, late: int, now: datetime) -> list[Job]:
        return claim(free=free, late=late, now=now)

    def renew(self, jobs: list[Job], *, now: datetime) -> None:
        renew(jobs, now=now)

    def lapsed(self, *, now: datetime) -> list[Outcome[Job]]:
        return [lapse(job, now=now) for job in lapsed(now=now)]

    def attempt(self, job: Job, *, now: datetime) -> Outcome[Job]:
        return attempt(job, now=now)

    def keep(self, outcomes: Sequence[Outcome[Any]], *, now: datetime) -> int:
        return keep_outcomes(outcomes, now=now)


def lapse(job: AnyJob, *, now: datetime) -> Outcome[AnyJob]:
    return Outcome(job=job, started_at=now, duration_ms=0.0, error_class="internal", error=LAPSED)
