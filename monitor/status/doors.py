"""Where readers subscribe, confirm and leave: forms without script, never answered from memory.

A link of a mail opens a page with a button, as mail scanners open links too; a POST does it. There is no
session to forge: whoever has the token may do what it says.

What readers do is not in the audit log: it would keep their addresses, and who of other organizations reads.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render as render_page
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from monitor.access.requests import client_address
from monitor.api.errors import problem_response
from monitor.audit import unrecorded
from monitor.limits.buckets import take_one
from monitor.limits.policies import by_address
from monitor.models import StatusPage, StatusSubscriber
from monitor.models.status_subscribers import SubscriberKind
from monitor.status.answers import POLICY
from monitor.status.places import Place, link, place_of, subscriber_in
from monitor.status.public import Asked, is_let_in
from monitor.status.subscribing import (
    HOUR_S,
    QUESTIONS_A_CALLER,
    BadTarget,
    ask,
    confirm,
    leave,
    page_may_ask,
)

METHODS = ("GET", "HEAD", "POST")
NO_SUCH_PAGE = "There is no such page."
TOO_MANY = "Too many tries. Come back in an hour."


def allowed(request: HttpRequest) -> HttpResponse | None:
    if request.method in METHODS:
        return None
    response = problem_response(405, f"{request.method} is not possible here.")
    response["Allow"] = ", ".join(METHODS)
    return response


def shown(
    request: HttpRequest, page: StatusPage | None, place: Place, status: int = 200, **context: Any
) -> HttpResponse:
    context = {"page": page, "place": place, **context}
    response = render_page(request, "status/subscribe.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    response["Content-Security-Policy"] = POLICY
    # The token in the address is nobody else's to know.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


# --- Subscribe ---------------------------------------------------------------------------------------------


def subscribe(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The form; a POST asks the address. Whether it is known makes no difference to the answer."""
    if (refused := allowed(request)) is not None:
        return refused
    page = asked.found()
    if page is None or not page.takes_subscribers:
        return problem_response(404, NO_SUCH_PAGE)
    if page.has_password and not is_let_in(request, page):
        return HttpResponseRedirect(asked.base or "/")
    context: dict[str, Any] = {"what": "subscribe", "sends_mail": settings.SENDS_MAIL}
    if request.method != "POST":
        return shown(request, page, asked.place(), **context)
    kind, target = wanted(request)
    if kind is None or (kind == SubscriberKind.EMAIL and not settings.SENDS_MAIL):
        return shown(request, page, asked.place(), 400, problem="Type an address.", **context)
    if not may_ask(request, page):
        return shown(request, page, asked.place(), 429, problem=TOO_MANY, **context)
    try:
        with unrecorded():
            ask(page, kind=kind, target=target, now=timezone.now())
    except BadTarget as error:
        typed = {"problem": str(error), kind: target}
        return shown(request, page, asked.place(), 400, **typed, **context)
    return shown(request, page, asked.place(), what="asked", kind=kind)


def wanted(request: HttpRequest) -> tuple[SubscriberKind | None, str]:
    for kind in SubscriberKind:
        if target := request.POST.get(kind, "").strip():
            return kind, target
    return None, ""


def may_ask(request: HttpRequest, page: StatusPage) -> bool:
    """Counted for the caller and for the page; the address is counted where it is asked."""
    caller = by_address("status-caller", client_address(request), 1)
    if caller is not None and not take_one(caller.bucket, most=QUESTIONS_A_CALLER, window_s=HOUR_S):
        return False
    return page_may_ask(page)


# --- Confirm and leave -------------------------------------------------------------------------------------


def confirming(request: HttpRequest, asked: Asked, token: str) -> HttpResponse:
    if (refused := allowed(request)) is not None:
        return refused
    id_ = subscriber_in(token, "confirm")
    found = StatusSubscriber.objects.select_related("page").filter(id=id_).first() if id_ else None
    if found is None or not found.page.is_published or found.is_over:
        return shown(request, None, asked.place(), 404, what="over")
    place = place_of(found.page)
    if request.method != "POST":
        what = "confirmed" if found.confirmed_at else "confirm"
        return shown(request, found.page, place, what=what, kind=found.kind)
    with unrecorded():
        made = confirm(found.id, now=timezone.now())
    if made is None:
        return shown(request, None, asked.place(), 404, what="over")
    if prefers_json(request):
        return as_json(found, secret=made.secret)
    return shown(request, found.page, place, what="confirmed", kind=found.kind, secret=made.secret)


def prefers_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def as_json(subscriber: StatusSubscriber, *, secret: str) -> HttpResponse:
    """For programs that confirm by themselves."""
    told = {"state": "active", "unsubscribe": link(subscriber.page, subscriber.id, "unsubscribe")}
    if secret:
        told["secret"] = secret
    return JsonResponse(told, headers={"Cache-Control": "private, no-store"})


def leaving(request: HttpRequest, asked: Asked, token: str) -> HttpResponse:
    """Good for ever: for a page that is hidden, renamed or has a password too. A POST leaves, with what a
    mail program sends for one click (RFC 8058), or with nothing."""
    if (refused := allowed(request)) is not None:
        return refused
    id_ = subscriber_in(token, "unsubscribe")
    if id_ is None:
        return shown(request, None, asked.place(), 404, what="broken")
    found = StatusSubscriber.objects.select_related("page").filter(id=id_).first()
    if found is None:
        return shown(request, None, asked.place(), what="left")
    place = place_of(found.page)
    if request.method != "POST":
        return shown(request, found.page, place, what="leave")
    with unrecorded():
        leave(found.id)
    return shown(request, found.page, place, what="left")


WITH_TOKEN: Mapping[str, Callable[[HttpRequest, Asked, str], HttpResponse]] = {
    "confirm": confirming,
    "unsubscribe": leaving,
}


def door_of(asked: Asked) -> Callable[[HttpRequest], HttpResponse] | None:
    """What answers at this path below a page's address; None for the page's own parts."""
    if asked.part == "subscribe":
        return lambda request: subscribe(request, asked)
    use, _, token = asked.part.partition("/")
    door = WITH_TOKEN.get(use)
    if door is None or not token or "/" in token:
        return None
    return lambda request: door(request, asked, token)


@csrf_exempt
def subscribe_at_slug(request: HttpRequest, slug: str) -> HttpResponse:
    return subscribe(request, Asked(name=slug, is_domain=False, part="subscribe"))


@csrf_exempt
def confirm_at_slug(request: HttpRequest, slug: str, token: str) -> HttpResponse:
    return confirming(request, Asked(name=slug, is_domain=False, part=f"confirm/{token}"), token)


@csrf_exempt
def leave_at_slug(request: HttpRequest, slug: str, token: str) -> HttpResponse:
    return leaving(request, Asked(name=slug, is_domain=False, part=f"unsubscribe/{token}"), token)
