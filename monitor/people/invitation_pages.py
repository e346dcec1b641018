"""Where the link of an invitation leads."""

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_safe

from monitor.models import Invitation
from monitor.people.forms import NewAccountForm
from monitor.people.invitations import (
    InvitationClosed,
    accept,
    digest_of,
    find_by_digest,
    find_invitation,
    join_with_new_account,
)

# Which invitation this browser has opened; the link itself goes no further than the first request.
SESSION_KEY = "invitation"


@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Out of the address with the token, so that it is in no Referer and in no history of a shared screen."""
    try:
        find_invitation(token, now=timezone.now())
    except InvitationClosed as closed:
        return render(request, "people/invitation_closed.html", {"words": str(closed)}, status=410)
    request.session[SESSION_KEY] = digest_of(token).hex()
    return redirect("invitation-open")


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Join as who has signed in, or with a new account."""
    try:
        invited = find_by_digest(bytes.fromhex(request.session.get(SESSION_KEY, "")), now=timezone.now())
        return answer_to(request, invited)
    except InvitationClosed as closed:
        return render(request, "people/invitation_closed.html", {"words": str(closed)}, status=410)


def answer_to(request: HttpRequest, invited: Invitation) -> HttpResponse:
    form = NewAccountForm(email=invited.email)
    if request.method == "POST" and isinstance(request.user, User):
        accept(invited, user=request.user, now=timezone.now())
        return welcome(request, invited)
    if request.method == "POST":
        form = NewAccountForm(request.POST, email=invited.email)
        if form.is_valid():
            user = join_with_new_account(invited, now=timezone.now(), **form.cleaned_data)
            record_authentication(request, user, method="password", username=user.username)
            perform_login(request, Login(user=user))
            return welcome(request, invited)
    response = render(
        request,
        "people/join.html",
        {"invitation": invited, "form": form},
        status=400 if form.errors else 200,
    )
    add_never_cache_headers(response)
    return response


def welcome(request: HttpRequest, invited: Invitation) -> HttpResponse:
    request.session.pop(SESSION_KEY, None)
    messages.success(request, f"You are {invited.role} of {invited.organization} now.")
    return redirect("pages:services")
