"""The page of a status page's subscribers: who is told, and how that goes."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.keyset import cut_page, read_cursor
from monitor.lib.actors import Scope
from monitor.models import StatusPage
from monitor.models.status_subscribers import SubscriberKind
from monitor.status.register import reach_page
from monitor.status.subscriber_api import NewSubscriberSerializer, added
from monitor.status.subscribing import Subscription, leave, shown_target

ROWS_A_PAGE = 50
PILLS = {"pending": "", "active": "pill-good", "failing": "pill-warn"}
WORDS = {"pending": "Asked", "active": "Subscribed", "failing": "Failing"}

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


@reading_or_posting
def subscribers(request: HttpRequest, page_id: UUID) -> HttpResponse:
    """Who is told. A POST adds somebody."""
    actor = page_actor(request)
    scope = Scope.MANAGE if request.method == "POST" else Scope.READ
    page = reach_page(actor, page_id, scope)
    may_manage = actor.may(Scope.MANAGE, page.organization_id)
    problem, secret = "", ""
    if request.method == "POST":
        made, problem = add_as_posted(request, page)
        secret = made.secret if made else ""
        if not problem and not secret:
            return redirect("pages:status-subscribers", page_id)
    cut = cut_page(page.subscribers.all(), limit=ROWS_A_PAGE, cursor=read_cursor(request.GET))
    context = {
        "section": "monitors",
        "status_page": page,
        "page": cut,
        "rows": [
            (each, shown_target(each, whole=may_manage), WORDS[each.state], PILLS[each.state])
            for each in cut.rows
        ],
        "counts": page.subscribers.aggregate(
            confirmed=Count("id", filter=Q(confirmed_at__isnull=False)),
            pending=Count("id", filter=Q(confirmed_at=None)),
        ),
        "kinds": SubscriberKind.choices,
        "may_manage": may_manage,
        "problem": problem,
        "secret": secret,
    }
    response = render(request, "status/subscribers.html", context, status=400 if problem else 200)
    if secret:
        # The only place it is ever shown, so nothing may keep it.
        add_never_cache_headers(response)
    return response


def add_as_posted(request: HttpRequest, page: StatusPage) -> tuple[Subscription | None, str]:
    """Who was added, or what is wrong with what was typed."""
    form = NewSubscriberSerializer(data={name: request.POST.get(name, "") for name in ("kind", "target")})
    if not form.is_valid():
        return None, "Type a mail address or a URL."
    try:
        made = added(page, form.validated_data)
    except ValidationError as error:
        return None, str(error.detail["target"])  # type: ignore[call-overload] # a dict
    words = "Added." if made.subscriber.confirmed_at else "A letter asks whether it was meant."
    messages.success(request, words)
    return made, ""


@reading_or_posting
def remove(request: HttpRequest, page_id: UUID, subscriber_id: UUID) -> HttpResponse:
    page = reach_page(page_actor(request), page_id, Scope.MANAGE)
    if request.method == "POST" and page.subscribers.filter(id=subscriber_id).exists():
        leave(subscriber_id)
        messages.success(request, "Removed. Nothing is kept of the address.")
    return redirect("pages:status-subscribers", page_id)
