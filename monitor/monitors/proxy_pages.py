"""The pages of proxies: ways out that several monitors take, and who goes through each."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.errors import Conflict
from monitor.api.forms import sentences
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import Monitor, MonitorProxy
from monitor.monitors.pages import MAX_CHOICES, reading_or_posting
from monitor.monitors.proxies import ProxyInUse, remove_proxy
from monitor.monitors.reach import reach_owned
from monitor.monitors.shared_api import proxy_as_asked
from monitor.monitors.shared_forms import ProxyForm, homes_of

ROWS_A_PAGE = 100
SHOWN = ("name", "url", "username")


def proxies(request: HttpRequest) -> HttpResponse:
    """Every proxy with how many monitors go through it."""
    actor = page_actor(request)
    found = MonitorProxy.objects.filter(organization__in=actor.organizations())
    counted = found.annotate(used_by=Count("monitors")).order_by("-id")
    page = cut_page(counted, limit=ROWS_A_PAGE, cursor=read_cursor(request.GET))
    return render(request, "monitors/proxies.html", {"section": "monitors", "page": page})


@reading_or_posting
def new(request: HttpRequest) -> HttpResponse:
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    return edited(request, actor, None)


@reading_or_posting
def edit(request: HttpRequest, proxy_id: UUID) -> HttpResponse:
    """What a proxy is, and the monitors that go through it. A POST changes it, for all of them."""
    actor = page_actor(request)
    return edited(request, actor, reach_owned(MonitorProxy.objects.all(), actor, proxy_id, Scope.MANAGE))


def edited(request: HttpRequest, actor: Actor, found: MonitorProxy | None) -> HttpResponse:
    initial = {name: getattr(found, name) for name in SHOWN} if found is not None else None
    data = request.POST if request.method == "POST" else None
    form = ProxyForm(data, instance=found, initial=initial, homes=homes_of(actor))
    if form.is_bound and form.is_valid():
        try:
            made = proxy_as_asked(actor, found, dict(form.judge.validated_data))
        except (Conflict, ValidationError) as error:
            refuse(form, error.detail)
        else:
            messages.success(request, f"{made.name} is saved.")
            return redirect("pages:proxies")
    context = {
        "section": "monitors",
        "form": form,
        "proxy": MonitorProxy.objects.get(id=found.id) if found is not None else None,
        "users": users_of(found),
    }
    return render(request, "monitors/proxy_form.html", context, status=400 if form.errors else 200)


def refuse(form: ProxyForm, problems: Any) -> None:
    """What the verb said, at its field."""
    for name, errors in problems.items():
        form.add_error(name if name in form.fields else None, list(sentences(errors)))


def users_of(found: MonitorProxy | None) -> list[Monitor]:
    if found is None:
        return []
    return list(Monitor.objects.filter(proxy=found).only("id", "name").order_by("name", "id")[:MAX_CHOICES])


@reading_or_posting
def delete(request: HttpRequest, proxy_id: UUID) -> HttpResponse:
    """Only while no monitor goes through it."""
    if request.method != "POST":
        return redirect("pages:proxies")
    found = reach_owned(MonitorProxy.objects.all(), page_actor(request), proxy_id, Scope.MANAGE)
    try:
        remove_proxy(found)
    except ProxyInUse as error:
        messages.error(request, f"{error.monitors} monitors go through {found.name}: change those first.")
        return redirect("pages:proxy-edit", proxy_id)
    messages.success(request, f"{found.name} is removed.")
    return redirect("pages:proxies")
