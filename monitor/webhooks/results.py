"""Write down what became of attempts: all that came in together, in one transaction."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from monitor.audit import note_blocked, record
from monitor.events import Draft, record_events
from monitor.events.body import rfc3339
from monitor.lib.counting import count_webhook
from monitor.lib.outbound import origin_of
from monitor.mail import write_to_owners
from monitor.models import WebhookAttempt, WebhookEndpoint
from monitor.models.webhooks import DeliveryStatus
from monitor.usage import Use, record_use
from monitor.webhooks.sending import Outcome
from monitor.webhooks.telling import delivery_data, endpoint_data
from monitor.webhooks.verdicts import HEALTH_FIELDS, Turn, Verdict, judge, note_health

# The jitter keeps receivers from being called by all at once; nothing is guarded by it.
DRAW = random.SystemRandom().random
# Only where the lease still stands: what lapsed meanwhile is somebody else's to answer for.
UPDATE = """
UPDATE webhook_delivery d SET status = new.status, next_attempt_at = new.next_attempt_at,
    trigger = new.trigger, resumes_at = NULL, lease_id = NULL, lease_until = NULL,
    finished_at = new.finished_at, last_status_code = new.status_code, last_error_class = new.error_class
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[],
    %s::int2[], %s::text[])
    AS new (id, lease_id, status, next_attempt_at, trigger, finished_at, status_code, error_class)
WHERE d.id = new.id AND d.lease_id = new.lease_id AND d.status = 'leased' RETURNING d.id
"""


@transaction.atomic
def keep_outcomes(outcomes: Sequence[Outcome], *, now: datetime, draw: Callable[[], float] = DRAW) -> int:
    """Each delivery's next state, its attempt, its endpoint's health, and word of what changed.

    Gives how many were still the caller's to answer for. Those whose endpoint is gone, with its organization,
    are nobody's: their deliveries went with it.
    """
    ids = {outcome.job.endpoint_id for outcome in outcomes}
    locked = WebhookEndpoint.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id")
    endpoints = {endpoint.id: endpoint for endpoint in locked}
    outcomes = [outcome for outcome in outcomes if outcome.job.endpoint_id in endpoints]
    if not outcomes:
        return 0
    verdicts = [
        judge(
            outcome,
            endpoint_is_deleted=endpoints[outcome.job.endpoint_id].deleted_at is not None,
            now=now,
            draw=draw,
        )
        for outcome in outcomes
    ]
    ours = write_verdicts(outcomes, verdicts, now=now)
    kept = [pair for pair in zip(outcomes, verdicts, strict=True) if pair[0].job.delivery_id in ours]
    WebhookAttempt.objects.bulk_create([attempt_of(outcome) for outcome, _ in kept])
    record_use(
        Use(organization_id=organization_id, mode=mode, day=now.date(), deliveries=attempts)
        for (organization_id, mode), attempts in Counter(
            (endpoint.organization_id, endpoint.mode)
            for endpoint in (endpoints[outcome.job.endpoint_id] for outcome, _ in kept)
        ).items()
    )
    tell(kept, endpoints, now=now)
    for outcome, _ in kept:
        count_webhook(outcome.error_class or "delivered")
        if outcome.is_blocked:
            endpoint = endpoints[outcome.job.endpoint_id]
            note_blocked(
                organization_id=endpoint.organization_id,
                target_type="webhook_endpoint",
                target_id=endpoint.id,
                target_label=endpoint.description,
                address=origin_of(endpoint.url),
            )
    return len(kept)


def write_verdicts(outcomes: Sequence[Outcome], verdicts: Sequence[Verdict], *, now: datetime) -> set[UUID]:
    rows = sorted(
        (
            (
                outcome.job.delivery_id,
                outcome.job.lease_id,
                verdict.status.value,
                verdict.next_attempt_at,
                verdict.trigger.value,
                None if verdict.status == DeliveryStatus.PENDING else now,
                outcome.status_code,
                outcome.error_class,
            )
            for outcome, verdict in zip(outcomes, verdicts, strict=True)
        ),
        key=lambda row: row[0],
    )
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(UPDATE, columns)
        return {id_ for (id_,) in cursor.fetchall()}


def attempt_of(outcome: Outcome) -> WebhookAttempt:
    job = outcome.job
    return WebhookAttempt(
        delivery_id=job.delivery_id,
        number=job.number,
        trigger=job.trigger,
        started_at=outcome.started_at,
        duration_ms=outcome.duration_ms,
        status_code=outcome.status_code,
        error_class=outcome.error_class,
        error=outcome.error,
        dialled=outcome.dialled,
        response_headers=outcome.headers,
        response_body=outcome.body,
        response_truncated=outcome.truncated,
    )


def tell(
    kept: Iterable[tuple[Outcome, Verdict]], endpoints: dict[UUID, WebhookEndpoint], *, now: datetime
) -> None:
    """Write the health of the endpoints, and record what others want to hear of it."""
    drafts: list[tuple[Draft, UUID]] = []
    changed: dict[UUID, WebhookEndpoint] = {}
    for outcome, verdict in kept:
        endpoint = endpoints[outcome.job.endpoint_id]
        turn = note_health(endpoint, outcome, now=now)
        if turn.is_changed:
            changed[endpoint.id] = endpoint
        drafts += [(draft, endpoint.id) for draft in drafts_of(outcome, verdict, turn, endpoint, now=now)]
        if turn.failing:
            write_of_failing(endpoint)
        if turn.disabled:
            write_of_disabled(endpoint)
            record(
                "webhook_endpoint.disabled",
                organization_id=endpoint.organization_id,
                target_type="webhook_endpoint",
                target_id=endpoint.id,
                target_label=endpoint.description,
                changes={"disabled_at": [None, rfc3339(now)]},
                note=endpoint.disabled_reason,
            )
    for endpoint in changed.values():
        endpoint.save(update_fields=HEALTH_FIELDS)
    for draft, endpoint_id in drafts:
        record_events([draft], beside=endpoint_id)


def write_of_failing(endpoint: WebhookEndpoint) -> None:
    """While there is time: events are still kept for it, and none is lost yet."""
    write_to_owners(
        endpoint.organization_id,
        subject=f"Webhooks to {endpoint.shown_url} do not arrive",
        text=f"{since_when(endpoint)} {endpoint.failures_in_row:,} attempts failed, the last one with "
        f"{endpoint.last_error_class}.\n\nAfter five days of this it is switched off.",
        page=f"/webhooks/{endpoint.id}",
    )


def write_of_disabled(endpoint: WebhookEndpoint) -> None:
    """Nobody switched it off, so its owners hear of it; channels tell of no webhooks."""
    write_to_owners(
        endpoint.organization_id,
        subject=f"Webhooks to {endpoint.shown_url} are switched off",
        text=f"{endpoint.disabled_reason}\n\nEvents pass this endpoint by until it is switched on again.",
        page=f"/webhooks/{endpoint.id}",
    )


def since_when(endpoint: WebhookEndpoint) -> str:
    since = endpoint.first_failure_at
    return f"Nothing was delivered since {rfc3339(since)}." if since else ""


def drafts_of(
    outcome: Outcome, verdict: Verdict, turn: Turn, endpoint: WebhookEndpoint, *, now: datetime
) -> Iterable[Draft]:
    words = {
        "webhook.endpoint.failing": turn.failing,
        "webhook.endpoint.disabled": turn.disabled,
        "webhook.delivery.recovered": turn.recovered,
        # Not of what tells of webhooks itself: two endpoints that fail would tell each other for ever.
        "webhook.delivery.exhausted": verdict.is_exhausted
        and not outcome.job.event_type.startswith("webhook."),
    }
    reason = endpoint.disabled_reason or since_when(endpoint) or None
    for type_, is_so in words.items():
        if is_so:
            about_endpoint = type_.startswith("webhook.endpoint.")
            yield Draft(
                organization_id=endpoint.organization_id,
                type=type_,
                data=endpoint_data(endpoint, reason) if about_endpoint else delivery_data(outcome),
                mode=endpoint.mode,
                happened_at=now,
            )
