"""Sessions of a person, one of which may be ended by itself."""

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from monitor.audit import record


@login_required
@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Signs one other browser of this person out; this one has its own button for that."""
    session = get_object_or_404(UserSession, id=session_id, user=request.user)
    if session.is_current():
        messages.error(request, "That is this browser: sign out here instead.")
        return redirect("usersessions_list")
    session.end()
    person = session.user
    record(
        "auth.session_revoked", target_type="user", target_id=person.pk, target_label=person.get_username()
    )
    messages.success(request, "That browser is signed out.")
    return redirect("usersessions_list")
