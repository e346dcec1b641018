"""A person's own page: where they belong, how they sign in, and the tokens that act in their name."""

from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_safe
from rest_framework.exceptions import NotAuthenticated

from monitor.access.recent import confirm_who
from monitor.access.tokens import issue_token, revoke_token
from monitor.models import Membership, PersonalToken
from monitor.people.forms import TokenForm

MAX_LISTED = 100


def person_of(request: HttpRequest) -> User:
    """Who has signed in. Raises NotAuthenticated: visitors have no account."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    return account_page(request, person_of(request))


def account_page(request: HttpRequest, person: User, *, status: int = 200, **shown: Any) -> HttpResponse:
    """`shown` replaces the form by the one that was sent, and adds the token that was just made."""
    now = timezone.now()
    tokens = list(PersonalToken.objects.of(person.id).order_by("-id")[:MAX_LISTED])
    factors = list(Authenticator.objects.filter(user=person).values_list("type", flat=True))
    context = {
        "section": "account",
        "person": person,
        "memberships": Membership.objects.filter(user=person)
        .select_related("organization")
        .order_by("organization__name"),
        "address": EmailAddress.objects.get_primary(person),
        "has_app": Authenticator.Type.TOTP in factors,
        "passkeys": factors.count(Authenticator.Type.WEBAUTHN),
        "session_count": UserSession.objects.filter(user=person).count(),
        "tokens": [token for token in tokens if token.is_active(now)],
        "past_tokens": [token for token in tokens if not token.is_active(now)],
        "token_form": TokenForm(auto_id="token_%s"),
        **shown,
    }
    return render(request, "people/account.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def make_token(request: HttpRequest) -> HttpResponse:
    """The account's page with the new token on it: the only place it is ever shown."""
    person = person_of(request)
    if request.method != "POST":
        return redirect("pages:account")
    form = TokenForm(request.POST, auto_id="token_%s")
    if not form.is_valid():
        return account_page(request, person, status=400, token_form=form)
    confirm_who(request)
    token, raw = issue_token(
        user_id=person.id,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_at=form.expires_at(timezone.now()),
    )
    response = account_page(request, person, status=201, new_token=token, raw_token=raw)
    add_never_cache_headers(response)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def drop_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    person = person_of(request)
    if request.method == "POST":
        token = get_object_or_404(PersonalToken, id=token_id, user=person)
        revoke_token(token, now=timezone.now())
        messages.success(request, f"{token.name} is revoked. Whatever still uses it is turned away.")
    return redirect("pages:account")
