"""How pages refuse: what the API's permissions raise, as a page for people."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from rest_framework.exceptions import APIException, NotAuthenticated

from monitor.api.errors import error_answer
from monitor.api.permissions import SAFE_METHODS

# Scopes are the words of programs; a person has a role.
ROLE_TOO_SMALL = "You may look at this, but your role does not allow to change it."


def is_page(request: HttpRequest) -> bool:
    """Whether the request met one of the `pages` routes."""
    return request.resolver_match is not None and "pages" in request.resolver_match.namespaces


def refuse(request: HttpRequest, refused: APIException) -> HttpResponseBase:
    """Strangers are asked to sign in; others are told what they may not, with the status the API gives."""
    if isinstance(refused, NotAuthenticated):
        # An address that was posted to may have nothing to show afterwards.
        reads = request.method in SAFE_METHODS
        return redirect_to_login(request.get_full_path() if reads else resolve_url("pages:services"))
    code = getattr(refused.detail, "code", "")
    words = ROLE_TOO_SMALL if code == "scope_missing" else str(refused.detail)
    return error_answer(request, refused.status_code, words)
