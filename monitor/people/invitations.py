"""Invite people by mail, and let them in once."""

import hashlib
import logging
import secrets
import smtplib
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from monitor.lib.actors import Role
from monitor.models import Invitation, Membership, Organization

logger = logging.getLogger(__name__)
TOKEN_BYTES = 24
DEFAULT_LIFE = timedelta(days=7)
LONGEST_LIFE = timedelta(days=30)
# From the least to the most; nobody gives or takes more than they have.
ORDER = (Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)


class AlreadyMember(Exception):
    """The address belongs to a member already."""

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} is a member already.")


class InvitationClosed(Exception):
    """It was used, taken back, or its time is over."""

    def __init__(self) -> None:
        super().__init__("This invitation does not work any more. Ask for a new one.")


@transaction.atomic
def invite(
    *,
    organization: Organization,
    email: str,
    role: str,
    invited_by_id: int | None,
    now: datetime,
    life: timedelta = DEFAULT_LIFE,
) -> tuple[Invitation, str]:
    """A new invitation and its link, which takes the place of an open one to the same address.

    Raises AlreadyMember. The link exists here, in the mail and in the caller's answer only.
    """
    email = email.strip().lower()
    # Not against what is added to the organization: within an Idempotency-Key this lasts until it is mailed.
    Organization.objects.select_for_update(no_key=True).get(id=organization.id)
    if Membership.objects.filter(organization=organization, user__email__iexact=email).exists():
        raise AlreadyMember(email)
    former = Invitation.objects.filter(organization=organization, email__iexact=email)
    former.filter(accepted_at=None, revoked_at=None).update(revoked_at=now)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    invitation = Invitation.objects.create(
        organization=organization,
        email=email,
        role=role,
        digest=digest_of(token),
        invited_by_id=invited_by_id,
        expires_at=now + life,
    )
    return invitation, settings.PUBLIC_URL + reverse("invitation", args=[token])


def send_or_hand(invitation: Invitation, link: str, *, sends_mail: bool) -> str | None:
    """Mails the link. Where no mail went out, the link, which then has to be handed over."""
    if not sends_mail:
        return link
    try:
        mail_invitation(invitation, link)
    except (OSError, smtplib.SMTPException):
        logger.exception("An invitation could not be mailed.", extra={"invitation": str(invitation.id)})
        return link
    Invitation.objects.filter(id=invitation.id).update(is_mailed=True)
    return None


def mail_invitation(invitation: Invitation, link: str) -> None:
    """Raises OSError or SMTPException where the mail server refuses."""
    context = {"invitation": invitation, "link": link, "public_url": settings.PUBLIC_URL}
    subject = f"You are invited to {invitation.organization} on API Monitor"
    send_mail(subject, render_to_string("people/invitation.txt", context), None, [invitation.email])


def find_invitation(token: str, *, now: datetime) -> Invitation:
    """The open invitation of this link. Raises InvitationClosed, for one that never was as well."""
    return find_by_digest(digest_of(token), now=now)


def find_by_digest(digest: bytes, *, now: datetime) -> Invitation:
    invitation = Invitation.objects.open(now).select_related("organization").filter(digest=digest).first()
    if invitation is None:
        raise InvitationClosed
    return invitation


def digest_of(token: str) -> bytes:
    """SHA-256, 32 bytes; with 192 random bits a slow hash would add nothing."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@transaction.atomic
def accept(invitation: Invitation, *, user: User, now: datetime) -> Membership:
    """Make the person a member. Of two who accept at once, one is. Raises InvitationClosed."""
    # The organization first, as all who change its people do: an invitation that goes with it lets nobody in.
    if not Organization.objects.select_for_update(no_key=True).filter(id=invitation.organization_id).exists():
        raise InvitationClosed
    used = Invitation.objects.open(now).filter(id=invitation.id).update(accepted_at=now, accepted_by=user)
    if not used:
        raise InvitationClosed
    membership, made = Membership.objects.get_or_create(
        organization_id=invitation.organization_id, user=user, defaults={"role": invitation.role}
    )
    if not made and rank(invitation.role) > rank(membership.role):
        membership.role = invitation.role
        membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def join_with_new_account(invitation: Invitation, *, username: str, password: str, now: datetime) -> User:
    """A person made for this invitation. Where its link came by mail, the address is known to be theirs.

    A link that was handed over says nothing of the address: who invites could open it, and would be taken for
    the address's owner by single sign-on from then on.
    """
    user = User.objects.create_user(username=username, email=invitation.email, password=password)
    EmailAddress.objects.create(
        user=user, email=invitation.email, verified=invitation.is_mailed, primary=True
    )
    accept(invitation, user=user, now=now)
    return user


def revoke_invitation(invitation: Invitation, *, now: datetime) -> None:
    Invitation.objects.open(now).filter(id=invitation.id).update(revoked_at=now)


def rank(role: str) -> int:
    return ORDER.index(Role(role))
