"""What an attempt means for its delivery, and for the health of its endpoint. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.models import WebhookEndpoint
from monitor.models.webhooks import DeliveryStatus, Trigger
from monitor.webhooks.schedule import next_delay
from monitor.webhooks.sending import Outcome

# Only failures for so long: said, then switched off, when they were many and not all at once.
TOLD_AFTER = timedelta(hours=24)
DISABLED_AFTER = timedelta(days=5)
LEAST_SPAN = timedelta(hours=12)
LEAST_FAILURES = 10
# A healthy endpoint's row is written this often at most.
SUCCESS_RESOLUTION = timedelta(seconds=10)
GONE = "It answered 410 Gone."
KEPT_FAILING = "Nothing was delivered for 5 days."
HEALTH_FIELDS = (
    "first_failure_at",
    "last_failure_at",
    "last_success_at",
    "failures_in_row",
    "last_error_class",
    "failing_told_at",
    "disabled_at",
    "disabled_reason",
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The delivery's next state."""

    status: DeliveryStatus
    next_attempt_at: datetime | None = None
    trigger: Trigger = Trigger.AUTO
    is_exhausted: bool = False


def judge(
    outcome: Outcome, *, endpoint_is_deleted: bool, now: datetime, draw: Callable[[], float]
) -> Verdict:
    """Delivered, to be tried again, or over."""
    job = outcome.job
    trigger = Trigger(job.trigger)
    if outcome.is_delivered:
        return Verdict(status=DeliveryStatus.SUCCEEDED, trigger=trigger)
    if outcome.error_class == "blocked":
        return Verdict(status=DeliveryStatus.BLOCKED, trigger=trigger)
    if endpoint_is_deleted:
        return Verdict(status=DeliveryStatus.CANCELLED, trigger=trigger)
    if trigger == Trigger.TEST or outcome.error_class == "gone":
        return Verdict(status=DeliveryStatus.DEAD, trigger=trigger)
    if trigger == Trigger.MANUAL:
        if job.resumes_at is None:
            return Verdict(status=DeliveryStatus.DEAD, trigger=trigger)
        return Verdict(status=DeliveryStatus.PENDING, next_attempt_at=max(job.resumes_at, now))
    delay = next_delay(
        job.steps,
        mode=job.mode,
        status_code=outcome.status_code,
        error_class=outcome.error_class,
        retry_after=outcome.retry_after,
        now=now,
        draw=draw,
    )
    if delay is None:
        return Verdict(status=DeliveryStatus.DEAD, trigger=trigger, is_exhausted=True)
    return Verdict(status=DeliveryStatus.PENDING, next_attempt_at=now + delay)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What changed with an endpoint: whether its row must be written, and what is to be told."""

    is_changed: bool = False
    recovered: bool = False
    failing: bool = False
    disabled: bool = False


def note_health(endpoint: WebhookEndpoint, outcome: Outcome, *, now: datetime) -> Turn:
    """Put the outcome into the endpoint's row. Tests, and faults of ours, say nothing of its health."""
    if outcome.is_delivered:
        return note_success(endpoint, now=now)
    if outcome.job.trigger == Trigger.TEST or outcome.error_class == "internal":
        return Turn()
    endpoint.first_failure_at = endpoint.first_failure_at or now
    endpoint.last_failure_at = now
    endpoint.failures_in_row += 1
    endpoint.last_error_class = outcome.error_class
    if not endpoint.is_active:
        return Turn(is_changed=True)
    failing_for = now - endpoint.first_failure_at
    if outcome.error_class == "gone":
        disable(endpoint, GONE, now=now)
    elif failing_for >= max(DISABLED_AFTER, LEAST_SPAN) and endpoint.failures_in_row >= LEAST_FAILURES:
        disable(endpoint, KEPT_FAILING, now=now)
    elif failing_for >= TOLD_AFTER and endpoint.failing_told_at is None:
        endpoint.failing_told_at = now
        return Turn(is_changed=True, failing=True)
    return Turn(is_changed=True, disabled=endpoint.disabled_at is not None)


def note_success(endpoint: WebhookEndpoint, *, now: datetime) -> Turn:
    was_failing = endpoint.failing_told_at is not None
    is_news = endpoint.last_success_at is None or now - endpoint.last_success_at >= SUCCESS_RESOLUTION
    if endpoint.first_failure_at is None and not is_news:
        return Turn()
    endpoint.first_failure_at = endpoint.failing_told_at = None
    endpoint.failures_in_row = 0
    endpoint.last_error_class = ""
    endpoint.last_success_at = now
    return Turn(is_changed=True, recovered=was_failing)


def disable(endpoint: WebhookEndpoint, reason: str, *, now: datetime) -> None:
    endpoint.disabled_at = now
    endpoint.disabled_reason = reason
