"""The pages of services: the list, and each one's keys and settings."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_safe

from monitor.access import issue_key, revoke_key, rotate_key
from monitor.access.gate import page_actor
from monitor.access.keys import KeyNotUsable
from monitor.access.recent import confirm_who
from monitor.api.permissions import reach_service, require
from monitor.lib.actors import Actor, Scope
from monitor.models import ApiKey, Service
from monitor.models.keys import KeyKind
from monitor.services.api import check_scopes_given, organization_for
from monitor.services.forms import KeyForm, RegisterForm, RemoveForm, RotateForm, SettingsForm
from monitor.services.hour import last_hour_of, last_seen, with_last_seen
from monitor.services.instances import instances_of
from monitor.services.register import NameTaken, change_service, register_service, remove_service
from monitor.services.snippets import NO_KEY, Snippets, for_apitally, snippets_for

MAX_LISTED = 200

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


@reading_or_posting
def services(request: HttpRequest) -> HttpResponse:
    """Every service with its last hour, and the form that registers one."""
    actor = page_actor(request)
    if request.method == "POST":
        require(actor, Scope.MANAGE)
        form = RegisterForm(request.POST, actor=actor, auto_id="register_%s")
        service = registered(form, actor)
        if service is not None:
            messages.success(request, f"{service.name} is registered. Make a key, and it can report.")
            return redirect("pages:service", service.id)
        return service_list(request, actor, form, status=400)
    return service_list(request, actor, RegisterForm(actor=actor, auto_id="register_%s"))


def registered(form: RegisterForm, actor: Actor) -> Service | None:
    """The new service, or None with the reason in the form."""
    if not form.is_valid():
        return None
    fields = form.judge.validated_data
    fields["organization"] = organization_for(actor, fields.pop("organization", None))
    try:
        return register_service(**fields)
    except NameTaken as taken:
        form.add_error("name", str(taken))
        return None


def service_list(
    request: HttpRequest, actor: Actor, form: RegisterForm, *, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    asked = request.GET.get("q", "").strip()[:128]
    everything = Service.objects.visible_to(actor)
    found = everything.filter(name__icontains=asked.replace("\x00", "")) if asked else everything
    listed = list(
        with_last_seen(found, now=now).select_related("organization").order_by("name", "id")[: MAX_LISTED + 1]
    )
    shown = listed[:MAX_LISTED]
    hours = last_hour_of([service.id for service in shown], now=now)
    context = {
        "rows": [(service, hours[service.id]) for service in shown],
        "are_more": len(listed) > MAX_LISTED,
        "max_listed": MAX_LISTED,
        "asked": asked,
        "is_first_run": not listed and not asked,
        "several_organizations": len(actor.grants) > 1,
        "form": form,
    }
    return render(request, "services/list.html", context, status=status)


@require_safe
def service(request: HttpRequest, service_id: UUID) -> HttpResponse:
    """One service: its last hour, keys, lines to paste and settings."""
    return service_page(request, reach_service(page_actor(request), service_id, Scope.READ))


def service_page(request: HttpRequest, service: Service, *, status: int = 200, **shown: Any) -> HttpResponse:
    """`shown` replaces forms by those that were sent, and adds the key that was just made."""
    now = timezone.now()
    actor = page_actor(request)
    keys = list(ApiKey.objects.filter(service=service).order_by("-id")[:MAX_LISTED])
    context = {
        "section": "services",
        "service": service,
        "may_manage": actor.may(Scope.MANAGE, service.organization_id),
        "hour": last_hour_of([service.id], now=now)[service.id],
        "last_seen_at": last_seen(service, now=now),
        "instances": instances_of(service, now=now),
        "keys": [key for key in keys if key.is_active(now)],
        "past_keys": [key for key in keys if not key.is_active(now)],
        "snippets": snippets_of(service, NO_KEY),
        "key_form": KeyForm(auto_id="key_%s"),
        "rotate_form": RotateForm(auto_id=False),
        "settings_form": SettingsForm.of(service),
        "remove_form": RemoveForm(service=service),
        **shown,
    }
    return render(request, "services/detail.html", context, status=status)


def snippets_of(service: Service, raw_key: str) -> Snippets:
    return snippets_for(public_url=settings.PUBLIC_URL, base_url=service.base_url, raw_key=raw_key)


def key_page(request: HttpRequest, service: Service, key: ApiKey, raw_key: str, **shown: Any) -> HttpResponse:
    """The service's page with the new key on it: the only place it is ever shown, so nothing may keep it."""
    if key.kind != KeyKind.OWN:
        shown["client_snippet"] = for_apitally(key.kind, public_url=settings.PUBLIC_URL, raw_key=raw_key)
    elif Scope.INGEST in key.scopes:
        shown["key_snippets"] = snippets_of(service, raw_key)
    response = service_page(request, service, status=201, new_key=key, raw_key=raw_key, **shown)
    add_never_cache_headers(response)
    return response


@reading_or_posting
def make_key(request: HttpRequest, service_id: UUID) -> HttpResponse:
    actor = page_actor(request)
    if request.method != "POST":
        return redirect("pages:service", service_id)
    service = reach_service(actor, service_id, Scope.MANAGE)
    form = KeyForm(request.POST, auto_id="key_%s")
    if not form.is_valid():
        return service_page(request, service, status=400, key_form=form)
    confirm_who(request)
    fields = form.judge.validated_data
    check_scopes_given(actor, fields["scopes"], service)
    key, raw_key = issue_key(
        organization=service.organization, service=service, created_by_id=actor.user_id, **fields
    )
    return key_page(request, service, key, raw_key)


@reading_or_posting
def rotate(request: HttpRequest, service_id: UUID, key_id: UUID) -> HttpResponse:
    actor = page_actor(request)
    if request.method != "POST":
        return redirect("pages:service", service_id)
    service = reach_service(actor, service_id, Scope.MANAGE)
    key = get_object_or_404(ApiKey, id=key_id, service=service)
    check_scopes_given(actor, key.scopes, service)
    form = RotateForm(request.POST)
    now = timezone.now()
    if not form.is_valid():
        messages.error(request, "Choose how long the old key goes on working.")
        return redirect("pages:service", service_id)
    confirm_who(request)
    try:
        successor, raw_key = rotate_key(key, now=now, overlap=form.overlap(), created_by_id=actor.user_id)
    except KeyNotUsable as refused:
        messages.error(request, str(refused))
        return redirect("pages:service", service_id)
    return key_page(request, service, successor, raw_key, was_rotated=True, replaced_until=end_of(key, now))


def end_of(key: ApiKey, now: datetime) -> datetime | None:
    """When the rotated key stops working, or None when it has."""
    key.refresh_from_db(fields=["expires_at"])
    return key.expires_at if key.is_active(now) else None


@reading_or_posting
def revoke(request: HttpRequest, service_id: UUID, key_id: UUID) -> HttpResponse:
    if request.method == "POST":
        service = reach_service(page_actor(request), service_id, Scope.MANAGE)
        key = get_object_or_404(ApiKey, id=key_id, service=service)
        revoke_key(key, now=timezone.now())
        messages.success(request, f"The key {key.name} is revoked. Whoever still uses it is turned away.")
    return redirect("pages:service", service_id)


@reading_or_posting
def change(request: HttpRequest, service_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:service", service_id)
    service = reach_service(page_actor(request), service_id, Scope.MANAGE)
    form = SettingsForm.of(service, request.POST)
    if form.is_valid():
        try:
            change_service(service, **form.judge.validated_data)
        except NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            messages.success(request, "The settings are saved.")
            return redirect("pages:service", service_id)
    # What was typed is no fact yet: the page's head goes on to show what is kept.
    service.refresh_from_db()
    return service_page(request, service, status=400, settings_form=form)


@reading_or_posting
def remove(request: HttpRequest, service_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:service", service_id)
    service = reach_service(page_actor(request), service_id, Scope.MANAGE)
    form = RemoveForm(request.POST, service=service)
    if not form.is_valid():
        return service_page(request, service, status=400, remove_form=form)
    remove_service(service, now=timezone.now())
    messages.success(request, f"{service.name} is removed. Its logs go in the background.")
    return redirect("pages:services")
