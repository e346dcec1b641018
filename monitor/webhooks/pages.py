"""The pages of webhooks: endpoints, one of them with its deliveries, one delivery with its attempts."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_safe

from monitor.access.gate import page_actor
from monitor.access.recent import confirm_who
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.permissions import require
from monitor.events.catalogue import TYPES
from monitor.lib.actors import Actor, Scope
from monitor.limits.policies import limited_as
from monitor.models import Organization, WebhookDelivery, WebhookEndpoint
from monitor.models.webhooks import FAILED, UNFINISHED, DeliveryStatus
from monitor.services.api import organization_for
from monitor.webhooks.again import (
    MOST_AT_A_TIME,
    CannotSend,
    failed_within,
    replay_failed,
    retry,
    send_test,
    stop_replays,
)
from monitor.webhooks.api import reach_endpoint
from monitor.webhooks.deliveries import reach_delivery
from monitor.webhooks.endpoints import (
    EndpointGone,
    change_endpoint,
    make_endpoint,
    remove_endpoint,
    rotate_secret,
)
from monitor.webhooks.forms import EndpointForm, NewEndpointForm, ResendForm, RotateForm
from monitor.webhooks.health import health_of

ROWS_A_PAGE = 50
MAX_LISTED = 200
# The words of the filter above the deliveries, and the states each stands for.
SHOWN: dict[str, tuple[str, tuple[DeliveryStatus, ...]]] = {
    "": ("All", ()),
    "waiting": ("Waiting", UNFINISHED),
    "delivered": ("Delivered", (DeliveryStatus.SUCCEEDED,)),
    "failed": ("Failed", FAILED),
}

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


@reading_or_posting
def webhooks(request: HttpRequest) -> HttpResponse:
    """Every endpoint with how it does, and the form that makes one."""
    actor = page_actor(request)
    if request.method != "POST":
        return endpoint_list(request, actor, blank_form(actor))
    require(actor, Scope.MANAGE)
    form = NewEndpointForm(request.POST, organizations=manageable(actor), auto_id="endpoint_%s")
    if not form.is_valid():
        return endpoint_list(request, actor, form, status=400)
    confirm_who(request)
    fields = form.judge.validated_data
    fields["organization"] = organization_for(actor, fields.pop("organization", None))
    endpoint, secret = make_endpoint(now=timezone.now(), **fields)
    return secret_page(request, endpoint, secret)


def manageable(actor: Actor) -> list[Organization]:
    mine = actor.organizations(Scope.MANAGE)
    return list(Organization.objects.filter(id__in=mine).order_by("name")) if len(mine) > 1 else []


def blank_form(actor: Actor) -> NewEndpointForm:
    return NewEndpointForm(organizations=manageable(actor), auto_id="endpoint_%s")


def endpoint_list(
    request: HttpRequest, actor: Actor, form: NewEndpointForm, *, status: int = 200
) -> HttpResponse:
    endpoints = WebhookEndpoint.objects.visible_to(actor).alive().order_by("-id")
    context = {
        "section": "webhooks",
        "endpoints": endpoints[:MAX_LISTED],
        "form": form,
        "types": TYPES,
    }
    return render(request, "webhooks/list.html", context, status=status)


@reading_or_posting
def webhook(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """One endpoint. A POST changes it."""
    actor = page_actor(request)
    if request.method != "POST":
        return endpoint_page(request, reach_endpoint(actor, webhook_id, Scope.READ))
    endpoint = reach_endpoint(actor, webhook_id, Scope.MANAGE)
    form = EndpointForm.of(endpoint, request.POST)
    if not form.is_valid():
        return endpoint_page(request, endpoint, status=400, form=form)
    fields = {
        name: value
        for name, value in form.judge.validated_data.items()
        if name not in ("mode", "organization")
    }
    try:
        change_endpoint(endpoint, now=timezone.now(), **fields)
    except EndpointGone:
        raise Http404("No such webhook endpoint.") from None
    messages.success(request, "The endpoint is saved.")
    return redirect("pages:webhook", webhook_id)


def endpoint_page(
    request: HttpRequest, endpoint: WebhookEndpoint, *, status: int = 200, **shown: Any
) -> HttpResponse:
    """`shown` replaces forms by those that were sent, and adds a secret or a count."""
    actor = page_actor(request)
    chosen = request.GET.get("show", "")
    _, states = SHOWN.get(chosen, SHOWN[""])
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint)
    found = deliveries.filter(status__in=states) if states else deliveries
    context = {
        "section": "webhooks",
        "endpoint": endpoint,
        "may_manage": actor.may(Scope.MANAGE, endpoint.organization_id),
        "may_resend": actor.may(Scope.REPLAY, endpoint.organization_id),
        "health": health_of(endpoint.id, now=timezone.now()),
        "page": cut_page(found, limit=ROWS_A_PAGE, cursor=read_cursor(request.GET)),
        "chosen": chosen,
        "choices": [(value, words) for value, (words, _) in SHOWN.items()],
        "form": EndpointForm.of(endpoint),
        "rotate_form": RotateForm(auto_id=False),
        "resend_form": ResendForm(auto_id="resend_%s"),
        "types": TYPES,
        **shown,
    }
    return render(request, "webhooks/endpoint.html", context, status=status)


def secret_page(request: HttpRequest, endpoint: WebhookEndpoint, secret: str, **shown: Any) -> HttpResponse:
    """The endpoint's page with its new secret: the only place it is ever shown, so nothing may keep it."""
    response = endpoint_page(request, endpoint, status=201, secret=secret, **shown)
    add_never_cache_headers(response)
    return response


@reading_or_posting
def turn(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Switches the endpoint on or off: as `is_active` in the form says."""
    if request.method == "POST":
        endpoint = reach_endpoint(page_actor(request), webhook_id, Scope.MANAGE)
        is_active = request.POST.get("is_active") == "true"
        try:
            change_endpoint(endpoint, is_active=is_active, now=timezone.now())
        except EndpointGone:
            raise Http404("No such webhook endpoint.") from None
        messages.success(request, f"The endpoint is {'on' if is_active else 'off'}.")
    return redirect("pages:webhook", webhook_id)


@reading_or_posting
def rotate(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:webhook", webhook_id)
    endpoint = reach_endpoint(page_actor(request), webhook_id, Scope.MANAGE)
    form = RotateForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose when the old secret stops.")
        return redirect("pages:webhook", webhook_id)
    confirm_who(request)
    now, overlap = timezone.now(), form.overlap()
    try:
        secret = rotate_secret(endpoint, overlap=overlap, now=now)
    except EndpointGone:
        raise Http404("No such webhook endpoint.") from None
    return secret_page(
        request, endpoint, secret, was_rotated=True, replaced_until=now + overlap if overlap else None
    )


@limited_as(POST="tests")
@reading_or_posting
def test(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:webhook", webhook_id)
    actor = page_actor(request)
    endpoint = reach_endpoint(actor, webhook_id, Scope.MANAGE)
    try:
        delivery = send_test(endpoint, sent_by=actor.label, now=timezone.now())
    except EndpointGone:
        raise Http404("No such webhook endpoint.") from None
    except CannotSend as refused:
        messages.error(request, str(refused))
        return redirect("pages:webhook", webhook_id)
    return redirect("pages:webhook-delivery", delivery.id)


@reading_or_posting
def delete(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:webhook", webhook_id)
    endpoint = reach_endpoint(page_actor(request), webhook_id, Scope.MANAGE)
    try:
        remove_endpoint(endpoint, now=timezone.now())
    except EndpointGone:
        raise Http404("No such webhook endpoint.") from None
    messages.success(request, "The endpoint is removed. What waited for it is cancelled.")
    return redirect("pages:webhooks")


@limited_as(POST="replays")
@reading_or_posting
def resend(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Counts what failed, or sends it again: as the button says that was pressed."""
    if request.method != "POST":
        return redirect("pages:webhook", webhook_id)
    endpoint = reach_endpoint(page_actor(request), webhook_id, Scope.REPLAY)
    form, now = ResendForm(request.POST, auto_id="resend_%s"), timezone.now()
    if not form.is_valid():
        messages.error(request, "Choose how far back to go.")
        return redirect("pages:webhook", webhook_id)
    since = now - form.span()
    if form.cleaned_data["count"]:
        count = failed_within(endpoint.id, since=since)[:MOST_AT_A_TIME].count()
        return endpoint_page(request, endpoint, resend_form=form, counted=count, is_counted=True)
    try:
        count = replay_failed(endpoint, since=since, now=now)
    except EndpointGone:
        raise Http404("No such webhook endpoint.") from None
    except CannotSend as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{count:,} deliver{'y is' if count == 1 else 'ies are'} on the way again.")
    return redirect("pages:webhook", webhook_id)


@reading_or_posting
def stop(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    if request.method == "POST":
        endpoint = reach_endpoint(page_actor(request), webhook_id, Scope.REPLAY)
        count = stop_replays(endpoint, now=timezone.now())
        messages.success(request, f"{count:,} of them will not be sent again.")
    return redirect("pages:webhook", webhook_id)


@require_safe
def delivery(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """One delivery: its attempts, what came back, and what is sent."""
    actor = page_actor(request)
    found = reach_delivery(actor, delivery_id, Scope.READ)
    context = {
        "section": "webhooks",
        "delivery": found,
        "endpoint": found.endpoint,
        "event": found.event,
        "tries": found.tries.order_by("-number"),
        "may_resend": actor.may(Scope.REPLAY, found.organization_id),
    }
    return render(request, "webhooks/delivery.html", context)


@limited_as(POST="replays")
@reading_or_posting
def send_again(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    if request.method == "POST":
        found = reach_delivery(page_actor(request), delivery_id, Scope.REPLAY)
        try:
            retry(found, now=timezone.now())
        except CannotSend as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, "It is on the way again.")
    return redirect("pages:webhook-delivery", delivery_id)


@require_safe
def event_types(request: HttpRequest) -> HttpResponse:
    """The catalogue of events, with an example of each."""
    return render(request, "webhooks/types.html", {"section": "webhooks", "types": TYPES})
