"""The gate in front of pages: who has not signed in goes to the sign-in page first."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject
from rest_framework.exceptions import APIException

from monitor.access.actors import actor_of_user
from monitor.access.pages import is_page, refuse
from monitor.access.second_factor import WHY, is_required_of, used_second_factor
from monitor.lib.actors import Actor, Scope


def page_actor(request: HttpRequest) -> Actor:
    """Who looks at this page. PageGateMiddleware has put it there."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


class PageGateMiddleware:
    """Puts `request.actor` on every request and keeps strangers out of the `pages` routes.

    A new page is protected by being routed in that namespace; the API and the admin ask for themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_of_user(request.user))  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if not is_page(request):
            return None
        if is_required_of(request.user) and not used_second_factor(request):
            messages.warning(request, WHY)
            return redirect("mfa_index")
        if page_actor(request).may(Scope.READ):
            return None
        return redirect_to_login(request.get_full_path())

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """What `monitor.api.permissions` raises in a page becomes a page; the API sees to its own."""
        if isinstance(exception, APIException) and is_page(request):
            return refuse(request, exception)
        return None
