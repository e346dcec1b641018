"""Asking again who is there, before a key is made or a secret shown."""

import time

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest


def signed_in_recently(request: HttpRequest, user: object) -> bool:
    """Whether this browser's person has shown within RECENT_SIGN_IN_S who they are."""
    if not isinstance(user, User):
        return False
    moments = [record["at"] for record in get_authentication_records(request, user)]
    return bool(moments) and time.time() - max(moments) < settings.RECENT_SIGN_IN_S


def must_confirm(request: HttpRequest, user: object) -> bool:
    """Whether this person signed in too long ago for what is most sensitive.

    Visitors whom ANONYMOUS_ACCESS lets in have nothing to confirm with, nor have people without a password
    and a second factor: they sign in elsewhere.
    """
    if not isinstance(user, User) or signed_in_recently(request, user):
        return False
    return bool(get_reauthentication_flows(user))


def confirm_who(request: HttpRequest) -> None:
    """Sends the person to confirm who they are; what they posted is done afterwards.

    Raises ReauthenticationRequired, which allauth's middleware makes a redirect of.
    """
    if must_confirm(request, request.user):
        raise ReauthenticationRequired
