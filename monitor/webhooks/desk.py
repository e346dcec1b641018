"""Where the sender takes webhooks from, and brings what became of them: see monitor.webhooks.sender."""

from collections.abc import Sequence
from datetime import datetime

from monitor.events.unpacking import unpack_events
from monitor.webhooks.claim import check_lease, claim, lapsed
from monitor.webhooks.results import keep_outcomes
from monitor.webhooks.sender import LAPSED
from monitor.webhooks.sending import Job, Outcome, attempt


class WebhookDesk:
    """Events on their way to endpoints."""

    name = "deliver"

    def __init__(self) -> None:
        check_lease()

    def look(self, *, now: datetime) -> None:
        """Make deliveries of what ingestion handed over."""
        while unpack_events(now=now):
            pass

    def claim(self, *, free: int, late: int, now: datetime) -> list[Job]:
        return claim(free=free, late=late, now=now)

    def renew(self, jobs: list[Job], *, now: datetime) -> None:
        """Nothing to do: a lease outlasts every attempt (`check_lease`)."""

    def lapsed(self, *, now: datetime) -> list[Outcome]:
        return [lapse(job, now=now) for job in lapsed(now=now)]

    def attempt(self, job: Job, *, now: datetime) -> Outcome:
        return attempt(job, now=now)

    def keep(self, outcomes: Sequence[Outcome], *, now: datetime) -> int:
        return keep_outcomes(outcomes, now=now)


def lapse(job: Job, *, now: datetime) -> Outcome:
    return Outcome(job=job, started_at=now, duration_ms=0.0, error_class="internal", error=LAPSED)
