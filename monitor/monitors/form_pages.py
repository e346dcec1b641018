"""Making and changing a monitor: the kind first, then only its fields."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.forms import sentences
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import Monitor, MonitorProxy, Service
from monitor.monitors.forms import MonitorForm
from monitor.monitors.looking import TooBusyToLook, look_once
from monitor.monitors.pages import MAX_CHOICES, reading_or_posting
from monitor.monitors.reach import (
    home_of,
    parent_for,
    proxy_for,
    reach_monitor,
    reach_proxy,
    service_for,
)
from monitor.monitors.register import (
    change_monitor,
    make_monitor,
)
from monitor.monitors.words import PHASES
from monitor.probing import BadConfig, all_kinds, kind_named


def manageable(actor: Actor) -> list[Service]:
    return list(Service.objects.within_reach_of(actor, Scope.MANAGE).in_order_of_choice()[:MAX_CHOICES])


def others_of(actor: Actor, found: Monitor | None = None) -> list[Monitor]:
    """What a monitor may depend on."""
    monitors = Monitor.objects.within_reach_of(actor, Scope.MANAGE).only("id", "name", "kind")
    if found is not None:
        monitors = monitors.filter(organization=found.organization_id).exclude(id=found.id)
    return list(monitors.order_by("name", "id")[:MAX_CHOICES])


def proxies_of(actor: Actor, organization_id: UUID | None = None) -> list[MonitorProxy]:
    """Those that a monitor there, or anywhere the actor may make one, can go through."""
    homes = [organization_id] if organization_id else actor.organizations(Scope.MANAGE)
    return list(MonitorProxy.objects.filter(organization__in=homes).order_by("name", "id")[:MAX_CHOICES])


@reading_or_posting
def new(request: HttpRequest) -> HttpResponse:
    """The kind first, then only its fields. A POST saves, or looks once."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    try:
        kind = kind_named(request.GET.get("kind", "http"))
    except BadConfig:
        raise Http404("No such kind.") from None
    if kind.editor:
        return redirect(f"{reverse(f'pages:{kind.editor}-new')}?{request.GET.urlencode()}")
    services = manageable(actor)
    data = request.POST if request.method == "POST" else None
    form = MonitorForm.of(
        kind,
        monitor=None,
        services=services,
        others=others_of(actor),
        proxies=proxies_of(actor),
        data=data,
    )
    if data is None:
        form.initial["service_id"] = request.GET.get("service_id", "")
        return form_page(request, form)
    if not form.is_valid():
        return form_page(request, form, status=400)
    if "look" in data:
        return form_page(request, form, looked=look_by(form, actor))
    fields = dict(form.judge.validated_data)
    config, needed = fields.pop("config"), fields.pop("depends_on_ids", [])
    service = service_for(actor, fields.pop("service_id", None))
    try:
        organization = home_of(actor, None, service)
        proxy = proxy_for(fields.pop("proxy_id", None), organization.id)
        parent = parent_for(fields.pop("parent_id", None), organization.id)
        made = make_monitor(
            Monitor(organization=organization, service=service, proxy=proxy, parent=parent, **fields),
            config,
            now=timezone.now(),
            depends_on_ids=needed,
        )
    except BadConfig as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return form_page(request, form, status=400)
    except ValidationError:
        form.add_error(
            "service_id", "You are in several organizations: choose a service, a proxy and a group of one."
        )
        return form_page(request, form, status=400)
    messages.success(request, f"{made.name} is checked from now on.")
    return redirect("pages:monitor", made.id)


@reading_or_posting
def edit(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    actor = page_actor(request)
    found = reach_monitor(actor, monitor_id, Scope.MANAGE)
    kind = kind_named(found.kind)
    if kind.editor:
        return redirect(f"pages:{kind.editor}-edit", monitor_id)
    data = request.POST if request.method == "POST" else None
    form = MonitorForm.of(
        kind,
        monitor=found,
        services=manageable(actor),
        others=others_of(actor, found),
        proxies=proxies_of(actor, found.organization_id),
        data=data,
    )
    if data is None:
        slow_ms = request.GET.get("degraded_ms", "")
        if slow_ms.isascii() and slow_ms.isdigit() and len(slow_ms) < 7:  # by "alert when it is slow"
            form.initial["degraded_ms"] = int(slow_ms)
        return form_page(request, form)
    if not form.is_valid():
        return form_page(request, form, status=400)
    if "look" in data:
        return form_page(request, form, looked=look_by(form, actor))
    fields = dict(form.judge.validated_data)
    config = fields.pop("config", None)
    service = service_for(actor, fields.pop("service_id", None))
    if service is not None and service.organization_id != found.organization_id:
        form.add_error("service_id", "The service is of another organization.")
        return form_page(request, form, status=400)
    try:
        proxy = proxy_for(fields.pop("proxy_id", None), found.organization_id)
        parent = parent_for(fields.pop("parent_id", None), found.organization_id, child=found)
        ties = {"service": service, "proxy": proxy, "parent": parent}
        change_monitor(found, {**fields, **ties}, config, now=timezone.now())
    except BadConfig as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return form_page(request, form, status=400)
    except ValidationError as error:
        form.add_error("parent_id", list(sentences(error.detail)))
        return form_page(request, form, status=400)
    messages.success(request, "Saved. The next check follows in a moment.")
    return redirect("pages:monitor", monitor_id)


def look_by(form: MonitorForm, actor: Actor) -> dict[str, Any]:
    """What a check would find with what stands in the form."""
    config = form.sent()["config"]
    try:
        timeout_s = min(form.judge.validated_data.get("timeout_s", 20), 30)
        proxy = reach_proxy(actor, form.judge.validated_data.get("proxy_id"))
        found = look_once(form.kind.name, config, timeout_s=timeout_s, monitor=form.instance, proxy=proxy)
    except BadConfig as error:
        return {"outcome": "unknown", "message": error.message}
    except TooBusyToLook as error:
        return {"outcome": "unknown", "message": str(error.detail)}
    return {
        "outcome": str(found.outcome),
        "message": found.message,
        "phases": [(name, value) for name, value in zip(PHASES, found.phases.listed(), strict=True) if value]
        if found.phases
        else [],
        "detail": dict(found.detail),
    }


def form_page(
    request: HttpRequest, form: MonitorForm, *, looked: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "section": "monitors",
        "form": form,
        "kind": form.kind,
        "kinds": all_kinds(),
        "monitor": form.instance,
        "looked": looked,
    }
    return render(request, "monitors/form.html", context, status=status)
