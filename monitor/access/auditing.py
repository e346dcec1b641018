"""Who asks, for the audit log: of each request, and of signing in and out."""

import re
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from rest_framework.views import APIView

from monitor.access.actors import actor_of_user
from monitor.access.requests import client_address
from monitor.audit import Visit, begin_visit, current_visit, end_visit, record, remember_actor
from monitor.audit.refusals import keep_all
from monitor.audit.visits import SAFE_METHODS
from monitor.lib.actors import NOBODY, Actor
from monitor.lib.requestids import current_request_id
from monitor.models.audit import Face

# Requests that change nothing though they post, and those that record themselves; with the reason.
QUIET_ROUTES = {
    "login": "signing in is recorded by itself",
    "logout": "signing out is recorded by itself",
    "picked": "what pages show is a cookie of the browser",
}
# Arguments of a route, as urls.py writes them; people know them in braces, as the document has them.
PLACE = re.compile(r"<(?:\w+:)?(\w+)>")
# A page that answers 200 to a form shows what is wrong with it.
DONE_BY_PAGE = frozenset({201, 202, 204, 301, 302, 303})


class AuditMiddleware:
    """Puts a visit around each request, and records one that changed something unseen.

    What the triggers or `record` told already is not told twice. So a new route that posts is in the log even
    where nobody thought of it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        visit = visit_of(request)
        begin_visit(visit)
        # For what stands in front of this: a visit is over when it gets the answer.
        request.visit = visit  # type: ignore[attr-defined]
        is_recorded = False
        try:
            response = self.get_response(request)
        finally:
            actor = visit.find_actor() if visit.is_told else NOBODY
            is_recorded = end_visit()
        if visit.is_told and not is_recorded and is_done(response, visit) and visit.route not in QUIET_ROUTES:
            begin_visit(visit)
            record_request(request, visit, actor)
            end_visit()
        if visit.refused:
            keep_all(visit)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        visit = current_visit()
        if visit is None or request.resolver_match is None:
            return
        visit.route = PLACE.sub(r"{\1}", request.resolver_match.route)
        visit.find_actor = lambda: request.actor  # type: ignore[attr-defined] # the gate's
        # Views of the API find out themselves who asks.
        if request.method not in SAFE_METHODS and not is_api_view(view):
            remember_actor(actor_of_user(request.user))


def is_api_view(view: Any) -> bool:
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return isinstance(cls, type) and issubclass(cls, APIView)


def visit_of(request: HttpRequest) -> Visit:
    return Visit(
        face=face_of(request.path),
        method=request.method or "",
        ip=client_address(request) or "",
        user_agent=request.headers.get("User-Agent", ""),
        request_id=current_request_id(),
    )


def face_of(path: str) -> str:
    if path.startswith("/admin/"):
        return Face.ADMIN
    return Face.API if path.startswith(("/v1/", "/otlp/", "/v2/", "/api/")) else Face.PAGE


def is_done(response: HttpResponse, visit: Visit) -> bool:
    if visit.face == Face.API:
        return response.status_code < 400
    return response.status_code in DONE_BY_PAGE


def record_request(request: HttpRequest, visit: Visit, actor: Actor) -> None:
    """That somebody asked this of us, in the organization that it was about; where several were, or none was,
    and the actor has more than one, it is in none of their logs."""
    named = request.resolver_match.kwargs if request.resolver_match else {}
    organizations = list(visit.concerned or actor.grants)
    record(
        "request.made",
        organization_id=organizations[0] if len(organizations) == 1 else None,
        target_type="route",
        target_id=next((value for name, value in named.items() if name.endswith("_id")), ""),
        target_label=f"{visit.method} {visit.route}",
        actor=actor,
    )


# --- Signing in and out ------------------------------------------------------------------------------------


@receiver(user_logged_in)
def record_login(sender: Any, user: Any, **_: Any) -> None:
    record_of_user("auth.login", user)


@receiver(user_logged_out)
def record_logout(sender: Any, user: Any, **_: Any) -> None:
    # A session that had ended already is signed out without a person.
    if user is not None:
        record_of_user("auth.logout", user)


@receiver(user_login_failed)
def record_failed_login(sender: Any, credentials: dict[str, Any], **_: Any) -> None:
    """With the person's name where there is such a person: some type their password in its place."""
    users = get_user_model()
    typed = str(credentials.get(users.USERNAME_FIELD, credentials.get("username", "")))[:150]
    # PostgreSQL has no such character, and a name with it is nobody's.
    user = users.objects.filter(**{users.USERNAME_FIELD: typed}).first() if "\0" not in typed else None
    record(
        "auth.login_failed",
        target_type="user",
        target_id=user.pk if user else "",
        target_label=user.get_username() if user else "(unknown name)",
        actor=NOBODY,
    )


def record_of_user(action: str, user: Any) -> None:
    actor = Actor(label=f"user:{user.get_username()}", user_id=user.pk)
    record(action, target_type="user", target_id=user.pk, target_label=user.get_username(), actor=actor)
