"""The gate in front of pages: who has not signed in goes to the sign-in page first."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from monitor.access.actors import actor_of_user
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
        match = request.resolver_match
        if match is None or "pages" not in match.namespaces or page_actor(request).may(Scope.READ):
            return None
        return redirect_to_login(request.get_full_path())
