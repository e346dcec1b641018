"""Become a subscriber, say that one meant it, and leave.

A stranger may type anybody's address. So an address is asked three times a day at most, on all pages
together; whoever types it is answered the same, known or not; and what nobody confirms is gone in two days.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from monitor.channels.targets import check_url
from monitor.lib.ids import uuid7_at
from monitor.lib.options import BadConfig
from monitor.lib.secrets import CannotOpen, fingerprint, fingerprints, seal, unseal
from monitor.limits.buckets import take_one
from monitor.models import StatusDelivery, StatusNotice, StatusPage, StatusSubscriber
from monitor.models.status_subscribers import SubscriberKind
from monitor.models.webhooks import UNFINISHED
from monitor.webhooks.signing import make_secret
from monitor.webhooks.targets import policy_for_strangers

MAX_ADDRESS_CHARS = 254
NO_ADDRESS = "That is no mail address."
NOT_IN_ADDRESSES = frozenset('"\\[]')
DAY_S, HOUR_S = 86_400.0, 3_600.0
# Questions: to one mail box or one host, of one caller, and on one page.
QUESTIONS_A_DAY = 3
QUESTIONS_A_HOST = 20
QUESTIONS_A_CALLER = 10
QUESTIONS_A_PAGE = 200
BATCH = 2_000
# Locked against being removed while their deliveries come about: one who leaves must not undo an update.
LISTENING = """
SELECT id FROM status_subscriber
WHERE page_id = %s AND confirmed_at IS NOT NULL AND kind = ANY(%s) ORDER BY id FOR KEY SHARE
"""


class BadTarget(ValueError):
    """An address that cannot be written to; the message says no more than that."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscriber, and of a webhook that is told from this moment on the secret that its calls are signed
    with: shown to who confirms, and to nobody again."""

    subscriber: StatusSubscriber
    secret: str = field(default="", repr=False)


def checked_target(kind: str, text: str) -> str:
    """The address as it is written to. Raises BadTarget."""
    target = text.strip()
    if kind == SubscriberKind.EMAIL:
        return checked_address(target)
    try:
        check_url(target, policy=policy_for_strangers())
    except BadConfig:
        # Why not would tell strangers about the network that we are in.
        raise BadTarget("This URL cannot be used: https and a public address.") from None
    return target


def checked_address(text: str) -> str:
    """One spelling for each mail box, or it could be asked by each of them: no quotes, no escapes, no number
    for a domain, and the domain as DNS has it. Raises BadTarget."""
    local, _, domain = text.rpartition("@")
    if len(text) > MAX_ADDRESS_CHARS:
        raise BadTarget(NO_ADDRESS)
    try:
        # Judged as it is written to: other scripts become ASCII, and some of their letters signs.
        address = f"{local}@{domain.encode('idna').decode().lower()}"
        validate_email(address)
    except (ValidationError, UnicodeError):
        raise BadTarget(NO_ADDRESS) from None
    is_plain = address.isascii() and address.isprintable() and not NOT_IN_ADDRESSES & set(address)
    if not is_plain or len(address) > MAX_ADDRESS_CHARS:
        raise BadTarget(NO_ADDRESS)
    return address


def known_as(kind: str, target: str) -> str:
    """What the same address is known by, however it is written."""
    return f"{kind}:{target.lower() if kind == SubscriberKind.EMAIL else target}"


def mail_box_of(kind: str, target: str) -> str:
    """What is counted together: e.ve+1@ and eve+2@ are one mail box with many providers, and all URLs of a
    host one receiver."""
    if kind == SubscriberKind.WEBHOOK:
        return f"host:{urlsplit(target).hostname}"
    local, _, host = target.lower().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{host}"


def may_be_asked(kind: str, target: str) -> bool:
    most, window_s = (QUESTIONS_A_DAY, DAY_S) if kind == SubscriberKind.EMAIL else (QUESTIONS_A_HOST, HOUR_S)
    counted_as = fingerprint(mail_box_of(kind, target)).hex()
    return take_one(f"status-question:{counted_as}", most=most, window_s=window_s)


def page_may_ask(page: StatusPage) -> bool:
    return take_one(f"status-page:{page.id}", most=QUESTIONS_A_PAGE, window_s=HOUR_S)


def ask(page: StatusPage, *, kind: str, target: str, now: datetime) -> StatusSubscriber | None:
    """Ask the address whether it wants to hear of the page. None, and nothing is sent, where it was asked
    too often. Raises BadTarget."""
    target = checked_target(kind, target)
    if not may_be_asked(kind, target):
        return None
    with transaction.atomic():
        subscriber = put(page, kind=kind, target=target, now=now)
        if subscriber.confirmed_at is None:
            subscriber.asked_at = now
            subscriber.save(update_fields=["asked_at"])
        is_hook = kind == SubscriberKind.WEBHOOK
        if not (is_hook and subscriber.confirmed_at) and not is_being_asked(subscriber):
            deliver_to([subscriber.id], None, now=now)
    return subscriber


def add(page: StatusPage, *, kind: str, target: str, now: datetime) -> Subscription | None:
    """The same by those who manage the page. They may have channels call anything public as it is, so a
    webhook needs no answer; a mail address is its owner's to say yes for. None and BadTarget as above."""
    if kind == SubscriberKind.EMAIL:
        asked = ask(page, kind=kind, target=target, now=now)
        return None if asked is None else Subscription(subscriber=asked)
    target = checked_target(kind, target)
    with transaction.atomic():
        return begin(put(page, kind=kind, target=target, now=now), now=now)


def put(page: StatusPage, *, kind: str, target: str, now: datetime) -> StatusSubscriber:
    """The address' row on this page, locked; a new one waits for its answer."""
    known = fingerprints(known_as(kind, target))
    mine = StatusSubscriber.objects.select_for_update(no_key=True).filter(page=page)
    found = mine.filter(digest__in=known).first()
    if found is not None:
        return found
    made = StatusSubscriber(page=page, kind=kind, sealed=seal(target), digest=known[0], asked_at=now)
    # Two may ask for the same address at once: one row, whoever made it.
    StatusSubscriber.objects.bulk_create([made], ignore_conflicts=True)
    return mine.get(digest=known[0])


def is_being_asked(subscriber: StatusSubscriber) -> bool:
    return StatusDelivery.objects.filter(subscriber=subscriber, notice=None, status__in=UNFINISHED).exists()


@transaction.atomic
def confirm(subscriber_id: UUID, *, now: datetime) -> Subscription | None:
    """The subscriber, who is told from now on; None when the question is over or was taken back."""
    # Two who confirm at once must not be shown two secrets.
    found = StatusSubscriber.objects.select_for_update(no_key=True).filter(id=subscriber_id).first()
    if found is None or (found.confirmed_at is None and found.asked_at <= now - StatusSubscriber.PENDING_FOR):
        return None
    return begin(found, now=now)


def begin(subscriber: StatusSubscriber, *, now: datetime) -> Subscription:
    """Have it told from now on, where it is not yet; its row is the caller's. A secret is made once: whoever
    lost it leaves and subscribes again."""
    if subscriber.confirmed_at is not None:
        return Subscription(subscriber=subscriber)
    secret = make_secret() if subscriber.kind == SubscriberKind.WEBHOOK else ""
    subscriber.confirmed_at = now
    subscriber.sealed_secret = seal(secret) if secret else None
    subscriber.save(update_fields=["confirmed_at", "sealed_secret"])
    return Subscription(subscriber=subscriber, secret=secret)


def leave(subscriber_id: UUID) -> None:
    """Nothing is kept of who leaves. Harmless twice."""
    StatusSubscriber.objects.filter(id=subscriber_id).delete()


def forget_pending(*, now: datetime) -> int:
    """How many went whom nobody confirmed."""
    waiting = StatusSubscriber.objects.pending().filter(asked_at__lt=now - StatusSubscriber.PENDING_FOR)
    return waiting.delete()[1].get("monitor.StatusSubscriber", 0)


def target_of(subscriber: StatusSubscriber) -> str:
    """The address; empty when no key opens it."""
    try:
        return unseal(subscriber.sealed)
    except CannotOpen:
        return ""


def shown_target(subscriber: StatusSubscriber, *, whole: bool) -> str:
    """The address for those who manage the page; for others as much as tells one from another. Of a URL the
    host alone: its path may be its secret."""
    target = target_of(subscriber)
    if subscriber.kind == SubscriberKind.WEBHOOK:
        return urlsplit(target).hostname or ""
    if whole or not target:
        return target
    local, _, host = target.rpartition("@")
    return f"{local[:1]}\u2026@{host}"


# --- Deliveries --------------------------------------------------------------------------------------------


def listening_to(page_id: UUID, *, kinds: Collection[str] = SubscriberKind.values) -> list[UUID]:
    """Who of these kinds is told what the page says, by id; they stay until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(LISTENING, [page_id, list(kinds)])
        return [id_ for (id_,) in cursor.fetchall()]


def deliver_to(subscriber_ids: Sequence[UUID], notice: StatusNotice | None, *, now: datetime) -> None:
    """Have these told, in the caller's transaction; of no notice: whether they meant it."""
    StatusDelivery.objects.bulk_create(
        [
            StatusDelivery(
                id=uuid7_at(now), subscriber_id=id_, notice=notice, created_at=now, next_attempt_at=now
            )
            for id_ in subscriber_ids
        ],
        batch_size=BATCH,
    )
