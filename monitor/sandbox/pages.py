"""The page of the sandbox: make requests up, and drop all test data."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from monitor.access.gate import page_actor
from monitor.api.permissions import reach_service, require
from monitor.lib.actors import Actor, Scope
from monitor.models import Organization, Service
from monitor.sandbox.api import drop_and_record, fill_and_record
from monitor.sandbox.fill import MOST_HOURS, MOST_REQUESTS, sandbox_service

HOURS = (
    (1, "the last hour"),
    (24, "the last day"),
    (168, "the last 7 days"),
    (MOST_HOURS, "the last 30 days"),
)


def mine(actor: Actor) -> Any:
    """The organizations that the person manages."""
    return Organization.objects.filter(id__in=actor.organizations(Scope.MANAGE)).order_by("name", "id")


class FillForm(forms.Form):
    organization = forms.ModelChoiceField(Organization.objects.none(), empty_label=None)
    service = forms.ModelChoiceField(
        Service.objects.none(),
        required=False,
        empty_label="a service of its own, \u201csandbox\u201d",
        help_text="Other services keep them beside their own, marked as test.",
    )
    requests = forms.IntegerField(min_value=1, max_value=MOST_REQUESTS, initial=500)
    hours = forms.TypedChoiceField(choices=HOURS, coerce=int, initial=24, label="Over")

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        organizations: Any = self.fields["organization"]
        organizations.queryset = mine(actor)
        services: Any = self.fields["service"]
        services.queryset = Service.objects.visible_to(actor).filter(
            organization__in=actor.organizations(Scope.MANAGE)
        )
        if len(actor.organizations(Scope.MANAGE)) == 1:
            organizations.widget = forms.HiddenInput()
            organizations.initial = actor.organizations(Scope.MANAGE)[0]


class DropForm(forms.Form):
    organization = forms.ModelChoiceField(Organization.objects.none(), empty_label=None)
    sure = forms.BooleanField(label="Drop logs, numbers, issues, events and deliveries of test mode")

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        organizations: Any = self.fields["organization"]
        organizations.queryset = mine(actor)
        if len(actor.organizations(Scope.MANAGE)) == 1:
            organizations.widget = forms.HiddenInput()
            organizations.initial = actor.organizations(Scope.MANAGE)[0]


@require_http_methods(["GET", "HEAD", "POST"])
def sandbox(request: HttpRequest) -> HttpResponse:
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    form = FillForm(request.POST or None, actor=actor)
    if request.method != "POST" or not form.is_valid():
        return show(request, form, DropForm(actor=actor, auto_id="drop_%s"))
    asked = form.cleaned_data
    chosen = asked["service"]
    service = (
        reach_service(actor, chosen.id, Scope.MANAGE)
        if chosen is not None
        else sandbox_service(asked["organization"])
    )
    kept = fill_and_record(service, requests=asked["requests"], hours=asked["hours"])
    messages.success(request, f"{kept} made-up requests are kept in \u201c{service.name}\u201d.")
    return redirect("pages:service", service.id)


@require_POST
def drop(request: HttpRequest) -> HttpResponse:
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    form = DropForm(request.POST, actor=actor, auto_id="drop_%s")
    if not form.is_valid():
        return show(request, FillForm(actor=actor), form)
    drop_and_record(form.cleaned_data["organization"])
    messages.success(request, "Test data is being dropped; it is gone within moments.")
    return redirect("pages:sandbox")


def show(request: HttpRequest, form: FillForm, drop_form: DropForm) -> HttpResponse:
    status = 400 if form.errors or drop_form.errors else 200
    context = {"section": "services", "form": form, "drop_form": drop_form}
    return render(request, "sandbox/sandbox.html", context, status=status)
