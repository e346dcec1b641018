"""Signing in with OpenID Connect: whom it lets in, and as what.

The provider says who somebody is. That they belong here is said by an invitation to their address, or by its
domain being one of OIDC_DOMAINS; an account that is here already is found by an address both sides confirmed.
"""

import logging
from typing import Any

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render
from django.utils import timezone
from requests import Session

from monitor.access.actors import actor_of_user
from monitor.audit import remember_actor
from monitor.lib.outbound.requests_door import through_the_door
from monitor.models import Invitation, Membership, Organization
from monitor.people.invitations import accept

logger = logging.getLogger(__name__)
PROVIDER = "openid_connect"
NO_HOME = (
    "The organization that new people belong to is not there. Tell your administrator: the setting"
    " OIDC_ORGANIZATION must name one that is."
)


class OpenIdAdapter(DefaultSocialAccountAdapter):
    """What allauth asks of us about other providers."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """The one of the settings, or none. Its secret is in the environment and in no table."""
        if not settings.OIDC_ISSUER or provider not in (None, PROVIDER, settings.OIDC_PROVIDER_ID):
            return []
        app = SocialApp(
            provider=PROVIDER,
            provider_id=settings.OIDC_PROVIDER_ID,
            name=settings.OIDC_NAME,
            client_id=settings.OIDC_CLIENT_ID,
            secret=settings.OIDC_CLIENT_SECRET,
            settings={"server_url": settings.OIDC_ISSUER, "oauth_pkce_enabled": True},
        )
        return [app]

    def get_requests_session(self) -> Session:
        return through_the_door()

    def authenticate_by_email(self, sociallogin: Any) -> tuple[User, str] | None:
        """An account whose own address is confirmed here, too: anybody may note somebody else's."""
        for email in confirmed_addresses(sociallogin):
            known = EmailAddress.objects.filter(email__iexact=email, verified=True).select_related("user")
            if (found := known.first()) is not None:
                return found.user, email
        return None

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(ways_in(sociallogin))

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuses who has no way in, before an account is made."""
        if sociallogin.is_existing:
            accept_all(sociallogin.user, confirmed_addresses(sociallogin))
        elif reason := why_not(sociallogin):
            raise not_let_in(request, reason, status=403)
        elif any(is_allowed(email) for email in confirmed_addresses(sociallogin)) and home() is None:
            logger.error(
                "There is no organization %r, which OIDC_ORGANIZATION names: make it in the admin, or name"
                " one that there is. Until then nobody new of OIDC_DOMAINS can sign in.",
                settings.OIDC_ORGANIZATION,
            )
            raise not_let_in(request, NO_HOME, status=503)

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        emails = confirmed_addresses(sociallogin)
        accept_all(user, emails)
        if any(is_allowed(email) for email in emails):
            remember_actor(actor_of_user(user), changes=True)
            organization = home()
            if organization is None:  # removed since the look above
                raise ImproperlyConfigured(f"There is no organization {settings.OIDC_ORGANIZATION!r}.")
            Membership.objects.get_or_create(
                organization=organization, user=user, defaults={"role": settings.OIDC_ROLE}
            )
        return user


def home() -> Organization | None:
    """Where people of OIDC_DOMAINS belong."""
    return Organization.objects.filter(name=settings.OIDC_ORGANIZATION).first()


def not_let_in(request: HttpRequest, reason: str, *, status: int) -> ImmediateHttpResponse:
    return ImmediateHttpResponse(render(request, "people/not_let_in.html", {"reason": reason}, status=status))


def confirmed_addresses(sociallogin: Any) -> list[str]:
    """Those that the provider says are really theirs."""
    return [each.email.lower() for each in sociallogin.email_addresses if each.verified]


def ways_in(sociallogin: Any) -> list[str]:
    """The confirmed addresses that are invited, or of a domain that is let in."""
    emails = confirmed_addresses(sociallogin)
    invited = Invitation.objects.open(timezone.now()).filter(email__in=emails)
    known = {email.lower() for email in invited.values_list("email", flat=True)}
    return [email for email in emails if is_allowed(email) or email in known]


def why_not(sociallogin: Any) -> str:
    """What keeps somebody out, in words; empty when nothing does."""
    if not confirmed_addresses(sociallogin):
        return "Your provider has not confirmed your email address."
    if not ways_in(sociallogin):
        return "Nobody has invited this address. Ask an administrator for an invitation."
    emails = confirmed_addresses(sociallogin)
    if User.objects.filter(email__in=emails).exists():
        return "There is an account with this address, which is not confirmed here: sign in, and confirm it."
    return ""


def is_allowed(email: str) -> bool:
    return email.rpartition("@")[2] in {domain.lower() for domain in settings.OIDC_DOMAINS}


def accept_all(user: User, emails: list[str]) -> None:
    """Take up every open invitation to these addresses."""
    now = timezone.now()
    for invitation in Invitation.objects.open(now).filter(email__in=emails).order_by("id"):
        remember_actor(actor_of_user(user), changes=True)
        accept(invitation, user=user, now=now)
