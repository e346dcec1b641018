"""The pages of events: what happened, and what became of telling it."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import require
from monitor.events.api import EventFilter
from monitor.events.catalogue import TYPES
from monitor.lib.actors import Actor, Scope
from monitor.models import Event, WebhookDelivery
from monitor.models.webhooks import FAILED, DeliveryStatus

ROWS_A_PAGE = 50
MAX_DELIVERIES = 200


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """Events, newest first, of one type, mode or environment when that is asked for."""
    actor = page_actor(request)
    require(actor, Scope.READ)
    visible = Event.objects.visible_to(actor).defer("body")
    asked = EventFilter(request.GET, queryset=visible)
    found = asked.qs if asked.is_valid() else visible.none()
    page = cut_page(found, limit=ROWS_A_PAGE, cursor=read_cursor(request.GET))
    outcomes = outcomes_of(actor, [event.id for event in page.rows])
    context = {
        "section": "webhooks",
        "page": page,
        "rows": [(event, outcomes.get(event.id)) for event in page.rows],
        "types": TYPES,
        "problems": [] if asked.is_valid() else [why for each in asked.errors.values() for why in each],
        "is_narrowed": any(request.GET.get(name) for name in ("type", "mode", "environment")),
    }
    return render(request, "webhooks/feed.html", context)


def outcomes_of(actor: Actor, event_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, int]]:
    """How many deliveries of each event arrived, failed and wait."""
    rows = WebhookDelivery.objects.visible_to(actor).filter(event__in=event_ids)
    outcomes: dict[UUID, Counter[str]] = defaultdict(Counter)
    for event_id, status in rows.values_list("event_id", "status"):
        outcomes[event_id][word_of(status)] += 1
    return outcomes


def word_of(status: str) -> str:
    if status == DeliveryStatus.SUCCEEDED:
        return "delivered"
    return "failed" if status in FAILED else "waiting"


@require_safe
def event(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """One event: what receivers get, and its deliveries."""
    actor = page_actor(request)
    require(actor, Scope.READ)
    found = Event.objects.visible_to(actor).filter(id=event_id).first()
    if found is None:
        raise Http404("No such event.")
    deliveries = WebhookDelivery.objects.visible_to(actor).filter(event=found).select_related("endpoint")
    context = {
        "section": "webhooks",
        "event": found,
        "log_id": log_of(found),
        "deliveries": deliveries.order_by("-id")[:MAX_DELIVERIES],
    }
    return render(request, "webhooks/event.html", context)


def log_of(event: Event) -> UUID | None:
    """The request that an event of ours is about. What a sender's own events hold, we do not know."""
    if event.type not in {each.name for each in TYPES}:
        return None
    return uuid_or_none(json.loads(event.body)["data"].get("log_id"))
