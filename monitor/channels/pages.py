"""The pages of channels: all of them, one with what it was told, the form of a kind, one delivery."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_safe
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.permissions import require
from monitor.channels.api import NO_SUCH_CHANNEL, change_by, make_from, reach_channel
from monitor.channels.config import target_of
from monitor.channels.deliveries import reach_delivery
from monitor.channels.forms import DAYS, ChannelForm
from monitor.channels.register import (
    CannotSend,
    ChannelGone,
    change_channel,
    remove_channel,
    retry,
    send_test,
)
from monitor.channels.registry import Kind, all_kinds, kind_named
from monitor.lib.actors import Actor, Scope
from monitor.lib.options import BadConfig
from monitor.models import NotificationChannel, NotificationDelivery, Organization, Service
from monitor.models.webhooks import FAILED, UNFINISHED, DeliveryStatus, Trigger

ROWS_A_PAGE = 50
MAX_LISTED = 200
MAX_SERVICES = 100
# The words of the filter above the deliveries, and the states each stands for.
SHOWN: dict[str, tuple[str, tuple[DeliveryStatus, ...]]] = {
    "": ("All", ()),
    "waiting": ("Waiting", UNFINISHED),
    "told": ("Told", (DeliveryStatus.SUCCEEDED,)),
    "failed": ("Failed", FAILED),
}

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def channels(request: HttpRequest) -> HttpResponse:
    """Every channel with how it does and what it is told."""
    actor = page_actor(request)
    mine = NotificationChannel.objects.visible_to(actor).with_last_test()
    found = list(mine.order_by("name", "id")[:MAX_LISTED])
    names = service_names({each for channel in found for each in channel.services})
    context = {
        "section": "channels",
        "channels": [row_of(channel, names) for channel in found],
        "kinds": all_kinds(),
        "has_default": any(channel.is_default for channel in found),
    }
    return render(request, "channels/list.html", context)


def row_of(channel: NotificationChannel, names: dict[UUID, str]) -> dict[str, Any]:
    return {
        "channel": channel,
        "target": target_of(channel),
        "kind": words_of(channel.kind),
        "told": told_words(channel, names),
        "quiet": quiet_words(channel),
        "has_failed_test": getattr(channel, "last_test", None) in FAILED,
    }


def words_of(kind: str) -> str:
    try:
        return kind_named(kind).words
    except BadConfig:
        return kind


def service_names(ids: set[UUID]) -> dict[UUID, str]:
    if not ids:
        return {}
    return dict(Service.objects.alive().filter(id__in=ids).values_list("id", "name"))


def told_words(channel: NotificationChannel, names: dict[UUID, str]) -> str:
    """What it is told, in a few words."""
    parts = [
        ", ".join(channel.subjects and [f"{subject}s" for subject in channel.subjects]),
        ", ".join(channel.severities),
        ", ".join(names.get(each, "a removed service") for each in channel.services),
        ", ".join(channel.environments),
    ]
    return "; ".join(part for part in parts if part) or "everything"


def quiet_words(channel: NotificationChannel) -> str:
    days = ", ".join(name for number, name in DAYS if number in channel.quiet_days)
    hours = ""
    if channel.quiet_from and channel.quiet_until:
        hours = f"{channel.quiet_from:%H:%M} to {channel.quiet_until:%H:%M}"
    spells = " and ".join(part for part in (hours, days) if part)
    return f"{spells}, {channel.quiet_zone}" if spells else ""


# --- Forms -------------------------------------------------------------------------------------------------


def asked_kind(name: str) -> Kind:
    try:
        return kind_named(name)
    except BadConfig:
        return all_kinds()[0]


def known_services(actor: Actor) -> list[Service]:
    return list(Service.objects.within_reach_of(actor, Scope.MANAGE).in_order_of_choice()[:MAX_SERVICES])


def manageable(actor: Actor) -> list[Organization]:
    mine = actor.organizations(Scope.MANAGE)
    return list(Organization.objects.filter(id__in=mine).order_by("name")) if len(mine) > 1 else []


@reading_or_posting
def new_channel(request: HttpRequest) -> HttpResponse:
    """The form of a kind. A POST makes the channel."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    kind = asked_kind(request.GET.get("kind", ""))
    known: dict[str, Any] = {"services": known_services(actor), "organizations": manageable(actor)}
    form = ChannelForm.of(kind, data=request.POST or None, **known)
    if request.method == "POST" and form.is_valid():
        try:
            channel, secret = make_from(actor, form.judge.validated_data)
        except ValidationError as error:
            form.add_error(None, sentence_of(error))
        else:
            if secret:
                return secret_page(request, channel, secret)
            messages.success(request, "The channel is made. A test shows whether it arrives.")
            return redirect("pages:channel", channel.id)
    context = {"section": "channels", "form": form, "kind": kind, "kinds": all_kinds()}
    return render(request, "channels/form.html", context, status=400 if form.errors else 200)


def sentence_of(error: ValidationError) -> str:
    detail: Any = error.detail
    return " ".join(
        f"{name}: {words if isinstance(words, str) else ' '.join(map(str, words))}"
        for name, words in detail.items()
    )


@reading_or_posting
def edit_channel(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    actor = page_actor(request)
    channel = reach_channel(actor, channel_id, Scope.MANAGE)
    kind = asked_kind(channel.kind)
    form = ChannelForm.of(
        kind, channel=channel, data=request.POST or None, services=services_of(actor, channel)
    )
    if request.method == "POST" and form.is_valid():
        try:
            change_by(channel, form.judge.validated_data)
        except ChannelGone:
            raise Http404(NO_SUCH_CHANNEL) from None
        except ValidationError as error:
            form.add_error(None, sentence_of(error))
        else:
            messages.success(request, "The channel is saved.")
            return redirect("pages:channel", channel_id)
    context = {"section": "channels", "form": form, "kind": kind, "channel": channel}
    return render(request, "channels/form.html", context, status=400 if form.errors else 200)


def services_of(actor: Actor, channel: NotificationChannel) -> list[Service]:
    """Those of the channel's organization; with more of them than boxes, the ones it names come along."""
    mine = [each for each in known_services(actor) if each.organization_id == channel.organization_id]
    missing = set(channel.services) - {each.id for each in mine}
    named = Service.objects.alive().filter(id__in=missing, organization=channel.organization_id)
    return mine + (list(named) if missing else [])


# --- One channel -------------------------------------------------------------------------------------------


@require_safe
def channel(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    """One channel: how it does, what it is told, and what it was told."""
    return channel_page(request, reach_channel(page_actor(request), channel_id, Scope.READ))


def channel_page(
    request: HttpRequest, found: NotificationChannel, *, status: int = 200, **shown: Any
) -> HttpResponse:
    actor = page_actor(request)
    chosen = request.GET.get("show", "")
    _, states = SHOWN.get(chosen, SHOWN[""])
    deliveries = NotificationDelivery.objects.filter(channel=found).select_related("notification")
    listed = deliveries.filter(status__in=states) if states else deliveries
    page = cut_page(listed, limit=ROWS_A_PAGE, cursor=read_cursor(request.GET))
    tests = [row.status for row in page.rows if row.trigger == Trigger.TEST]
    context = {
        "section": "channels",
        **row_of(found, service_names(set(found.services))),
        "has_failed_test": bool(tests) and tests[0] in FAILED,
        "may_manage": actor.may(Scope.MANAGE, found.organization_id),
        "page": page,
        "chosen": chosen,
        "choices": [(value, words) for value, (words, _) in SHOWN.items()],
        **shown,
    }
    return render(request, "channels/channel.html", context, status=status)


def secret_page(request: HttpRequest, found: NotificationChannel, secret: str) -> HttpResponse:
    """The page with the secret that was made: the only place it is ever shown, so nothing may keep it."""
    response = channel_page(request, found, status=201, secret=secret)
    add_never_cache_headers(response)
    return response


@reading_or_posting
def turn(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    """Switches the channel on or off: as `is_active` in the form says."""
    if request.method == "POST":
        found = reach_channel(page_actor(request), channel_id, Scope.MANAGE)
        is_active = request.POST.get("is_active") == "true"
        try:
            change_channel(found, {"is_active": is_active}, None, now=timezone.now())
        except ChannelGone:
            raise Http404(NO_SUCH_CHANNEL) from None
        messages.success(request, f"The channel is {'on' if is_active else 'off'}.")
    return redirect("pages:channel", channel_id)


@reading_or_posting
def test(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    """Sends a test, and leads to what comes of it."""
    if request.method != "POST":
        return redirect("pages:channel", channel_id)
    actor = page_actor(request)
    found = reach_channel(actor, channel_id, Scope.MANAGE)
    try:
        delivery = send_test(found, sent_by=actor.label, now=timezone.now())
    except ChannelGone:
        raise Http404(NO_SUCH_CHANNEL) from None
    except CannotSend as refused:
        messages.error(request, str(refused))
        return redirect("pages:channel", channel_id)
    return redirect("pages:channel-delivery", delivery.id)


@reading_or_posting
def delete(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:channel", channel_id)
    remove_channel(reach_channel(page_actor(request), channel_id, Scope.MANAGE))
    messages.success(request, "The channel is removed.")
    return redirect("pages:channels")


# --- One delivery ------------------------------------------------------------------------------------------


@require_safe
def delivery(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """What a channel was told, and what came of each attempt."""
    actor = page_actor(request)
    found = reach_delivery(actor, delivery_id, Scope.READ)
    told = found.notification
    context = {
        "section": "channels",
        "delivery": found,
        "channel": found.channel,
        "told": told,
        "facts": told.details.get("facts", []),
        "links": told.details.get("links", []),
        "samples": told.samples or [],
        "tries": found.tries.order_by("-number"),
        "may_resend": actor.may(Scope.REPLAY, found.organization_id),
    }
    return render(request, "channels/delivery.html", context)


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
    return redirect("pages:channel-delivery", delivery_id)
