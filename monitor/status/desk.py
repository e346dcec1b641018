"""Where the sender takes what subscribers are to be told: see monitor.webhooks.sender.

A claim is a lease, committed before anything is sent; what a sender was killed over is sent again when it is
over. So a subscriber is told at least once, each thing in its order, and one thing at a time.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F

from monitor.audit import note_blocked
from monitor.channels.claim import LEASE
from monitor.channels.config import parts_of
from monitor.channels.desk import lapse
from monitor.channels.kinds.email import hand_over
from monitor.channels.results import DRAW, verdict
from monitor.channels.sending import LATE_AFTER, Outcome, facts_of, outcome_of
from monitor.channels.way import Way
from monitor.lib.counting import count_notification
from monitor.lib.secrets import unseal
from monitor.models import StatusDelivery, StatusSubscriber
from monitor.models.status_subscribers import SubscriberKind
from monitor.models.webhooks import DeliveryStatus, Trigger
from monitor.status.letters import Letter, json_of, mail_of
from monitor.status.places import link, place_of
from monitor.webhooks.signing import signature_headers
from monitor.webhooks.targets import policy_for_strangers

logger = logging.getLogger(__name__)
# Strangers chose these receivers: one that hangs holds its slot for no longer than this.
ATTEMPT_S = 10.0
GONE = 410
# So many tellings refused and given up one after the other, and nobody is there any more.
MOST_FAILURES = 5
# What a receiver does itself without an answer. A name that is not found and time that runs out may be our
# own network's doing, "blocked" and "internal" are ours.
REFUSALS = frozenset({"connect", "tls", "protocol"})
CLAIM_LOCK = 0x73746174

# New ones before those that failed before, so that receivers which are away cannot use up the places.
CLAIM = """
WITH fresh AS (
    SELECT d.id FROM status_delivery d
    WHERE d.status = 'pending' AND d.next_attempt_at <= %(now)s AND d.attempts < %(late_after)s
      AND NOT EXISTS (SELECT FROM status_delivery e WHERE e.subscriber_id = d.subscriber_id
                      AND e.status IN ('pending', 'leased') AND e.id < d.id)
    ORDER BY d.next_attempt_at LIMIT %(free)s FOR UPDATE SKIP LOCKED
), late AS (
    SELECT d.id FROM status_delivery d
    WHERE d.status = 'pending' AND d.next_attempt_at <= %(now)s AND d.attempts >= %(late_after)s
      AND NOT EXISTS (SELECT FROM status_delivery e WHERE e.subscriber_id = d.subscriber_id
                      AND e.status IN ('pending', 'leased') AND e.id < d.id)
    ORDER BY d.next_attempt_at LIMIT %(late)s FOR UPDATE SKIP LOCKED
), chosen AS (
    SELECT id FROM (SELECT id, 0 AS place FROM fresh UNION ALL SELECT id, 1 FROM late) both_of_them
    ORDER BY place LIMIT %(free)s
)
UPDATE status_delivery d SET status = 'leased', lease_id = %(lease)s, lease_until = %(until)s,
    attempts = attempts + 1
FROM chosen WHERE d.id = chosen.id RETURNING d.id
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A delivery that was claimed, with all that it takes to send it."""

    delivery_id: UUID
    lease_id: UUID
    subscriber_id: UUID
    kind: str
    sealed: bytes = field(repr=False)
    # What its calls are signed with, where it is a webhook that has a secret.
    sealed_secret: bytes | None = field(repr=False)
    # Of the address that `sealed` holds.
    letter_to: Callable[[str], Letter] = field(repr=False)
    # Whether it asks if they meant it, and tells nothing yet.
    is_question: bool
    number: int
    trigger: str = Trigger.AUTO

    @property
    def is_late(self) -> bool:
        return self.number > LATE_AFTER


class SubscriberDesk:
    """Letters and calls on their way to the subscribers of status pages."""

    name = "status"

    def look(self, *, now: datetime) -> None:
        """Nothing to do: deliveries come about in the transaction of what they tell."""

    def claim(self, *, free: int, late: int, now: datetime) -> list[Job]:
        lease = uuid4()
        parameters: dict[str, Any] = {
            "free": free,
            "late": late,
            "now": now,
            "lease": lease,
            "until": now + LEASE,
            "late_after": LATE_AFTER,
        }
        with transaction.atomic(), connection.cursor() as cursor:
            # Senders claim one after the other, or two would each take another thing of one subscriber.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
            cursor.execute(CLAIM, parameters)
            ids = [id_ for (id_,) in cursor.fetchall()]
        return jobs_of(ids, now=now)

    def renew(self, jobs: list[Job], *, now: datetime) -> None:
        mine = {job.delivery_id: job.lease_id for job in jobs}
        rows = StatusDelivery.objects.filter(
            id__in=list(mine), lease_id__in=set(mine.values()), status=DeliveryStatus.LEASED
        )
        rows.update(lease_until=now + LEASE)

    def lapsed(self, *, now: datetime) -> list[Outcome[Job]]:
        rows = StatusDelivery.objects.filter(status=DeliveryStatus.LEASED, lease_until__lt=now)
        jobs = jobs_of(rows.order_by("id").values_list("id", flat=True)[:200], now=now)
        return [lapse(job, now=now) for job in jobs]

    def attempt(self, job: Job, *, now: datetime) -> Outcome[Job]:
        began, facts = time.monotonic(), {}
        policy = policy_for_strangers()
        way = Way(now=now, timeout_s=ATTEMPT_S, policy=policy)
        try:
            target = unseal(job.sealed)
            secret = unseal(job.sealed_secret) if job.sealed_secret else ""
            hidden = [target, *parts_of(target), secret]
            way = Way(now=now, timeout_s=ATTEMPT_S, hidden=hidden, policy=policy)
            send(job.kind, job.letter_to(target), way, secret=secret)
        except Exception as error:
            facts = facts_of(error, delivery_id=job.delivery_id)
        return outcome_of(job, way, facts, now=now, began=began)

    @transaction.atomic
    def keep(self, outcomes: Sequence[Outcome[Job]], *, now: datetime) -> None:
        for outcome in outcomes:
            keep(outcome, now=now)


def send(kind: str, letter: Letter, way: Way, *, secret: str) -> None:
    """Raises NotTold."""
    if kind == SubscriberKind.EMAIL:
        hand_over(mail_of(letter), way)
        return
    body, headers = json_of(letter), [("Content-Type", "application/json")]
    if secret:
        at = int(way.now.timestamp())
        headers += signature_headers(letter.message_id, body, timestamp=at, secrets=[secret])
    way.call("POST", letter.to, headers=headers, body=body)


def jobs_of(delivery_ids: Iterable[UUID], *, now: datetime) -> list[Job]:
    rows = StatusDelivery.objects.filter(id__in=list(delivery_ids)).select_related(
        "subscriber__page", "notice"
    )
    found = rows.defer("subscriber__page__logo", "subscriber__page__css").order_by("id")
    return [job_of(row, now=now) for row in found]


def job_of(row: StatusDelivery, *, now: datetime) -> Job:
    subscriber = row.subscriber
    page = subscriber.page

    def letter_to(target: str) -> Letter:
        return Letter(
            id=row.id,
            to=target,
            page_id=page.id,
            page_name=page.name,
            page_url=place_of(page).address,
            confirm_url=link(page, subscriber.id, "confirm"),
            leave_url=link(page, subscriber.id, "unsubscribe"),
            notice=row.notice,
            is_subscribed=subscriber.confirmed_at is not None,
            at=now,
        )

    return Job(
        delivery_id=row.id,
        lease_id=row.lease_id or uuid4(),
        subscriber_id=subscriber.id,
        kind=subscriber.kind,
        sealed=bytes(subscriber.sealed),
        sealed_secret=bytes(subscriber.sealed_secret) if subscriber.sealed_secret else None,
        letter_to=letter_to,
        is_question=row.notice_id is None,
        number=row.attempts,
    )


# --- What became of it -------------------------------------------------------------------------------------


@transaction.atomic
def keep(outcome: Outcome[Job], *, now: datetime, draw: Callable[[], float] = DRAW) -> bool:
    """Write the next state; False where the lease is no longer ours, or the subscriber has left."""
    job = outcome.job
    count_notification(f"status_{job.kind}", outcome.error_class or "told")
    status, at = verdict(outcome, now=now, draw=draw)
    mine = StatusDelivery.objects.filter(
        id=job.delivery_id, lease_id=job.lease_id, status=DeliveryStatus.LEASED
    )
    is_ours = mine.update(
        status=status,
        next_attempt_at=at,
        finished_at=now if at is None else None,
        lease_id=None,
        lease_until=None,
        last_error=outcome.error,
    )
    if is_ours:
        note(outcome, is_over=at is None, now=now)
    return bool(is_ours)


def note(outcome: Outcome[Job], *, is_over: bool, now: datetime) -> None:
    """How the subscriber does. Who is not there any more is removed: an address that takes nothing is not
    kept."""
    mine = StatusSubscriber.objects.filter(id=outcome.job.subscriber_id)
    if outcome.is_told:
        mine.update(failures_in_row=0, last_error="")
        if not outcome.job.is_question:
            mine.update(last_told_at=now)
        return
    if outcome.status_code == GONE and outcome.job.kind == SubscriberKind.WEBHOOK:
        mine.delete()
        return
    mine.update(last_error=outcome.error)
    if outcome.is_blocked:
        note_blocked_subscriber(outcome.job.subscriber_id)
    if is_over and is_refused(outcome):
        mine.update(failures_in_row=F("failures_in_row") + 1)
        gone, _ = mine.filter(failures_in_row__gte=MOST_FAILURES).delete()
        if gone:
            logger.warning("Subscriber %s was removed: nothing arrives there", outcome.job.subscriber_id)


def note_blocked_subscriber(subscriber_id: UUID) -> None:
    """Its address is a stranger's choice, and sealed; whose page it reads is known."""
    found = StatusSubscriber.objects.filter(id=subscriber_id).values_list(
        "page_id", "page__name", "page__organization_id"
    )
    for page_id, name, organization_id in found:
        note_blocked(
            organization_id=organization_id,
            target_type="status_page",
            target_id=page_id,
            target_label=name,
            address=f"of subscriber {subscriber_id}",
        )


def is_refused(outcome: Outcome[Job]) -> bool:
    """Whether the receiver itself would not take it. A mail server that is away, or that takes nothing from
    us, says nothing of those who read: all of them would be removed at once."""
    if outcome.job.kind == SubscriberKind.EMAIL:
        return outcome.error_class == "recipient"
    return outcome.status_code is not None or outcome.error_class in REFUSALS


def forget_old(*, now: datetime) -> int:
    """How many deliveries went that are over for long."""
    gone, _ = StatusDelivery.objects.filter(finished_at__lt=now - StatusDelivery.KEPT).delete()
    return gone
