"""Asking again who is there, before a key is made or a secret shown."""

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest

# What allauth calls the asker; our adapter answers the same for all.
ASKER = "monitor"


def must_confirm(request: HttpRequest) -> bool:
    """Whether this person signed in too long ago for what is most sensitive.

    Visitors whom ANONYMOUS_ACCESS lets in have nothing to confirm with, nor have people without a password
    and a second factor: they sign in elsewhere.
    """
    return request.user.is_authenticated and is_reauthentication_required(request, app=ASKER)


def confirm_who(request: HttpRequest) -> None:
    """Sends the person to confirm who they are; what they posted is done afterwards.

    Raises ReauthenticationRequired, which allauth's middleware makes a redirect of.
    """
    if must_confirm(request):
        raise ReauthenticationRequired
