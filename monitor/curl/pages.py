"""The page that takes a curl command, shows what it would send, and sends it."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.access.requests import client_address
from monitor.api.permissions import SAFE_METHODS, reach_service, require
from monitor.curl.command import MAX_COMMAND_CHARS, CurlRequest, read_command
from monitor.curl.send import send_and_keep
from monitor.curl.words import NotUnderstood
from monitor.lib.actors import Actor, Scope
from monitor.limits.policies import limited_as
from monitor.models import Service
from monitor.models.keys import Mode
from monitor.replay.editor import as_typed, target_of
from monitor.replay.prepare import ReplayRefused, TargetNotAllowed

MAX_LISTED = 500


class CommandForm(forms.Form):
    command = forms.CharField(
        label="curl command",
        max_length=MAX_COMMAND_CHARS,
        strip=False,
        widget=forms.Textarea(attrs={"class": "code-input", "spellcheck": "false", "rows": 8}),
    )
    service = forms.ChoiceField(
        label="Service", help_text="Whose targets are allowed, and whose log it becomes."
    )
    mode = forms.ChoiceField(
        label="Mode",
        choices=Mode.choices,
        initial=Mode.TEST,
        help_text="Test, so that it does not count beside what the service reports itself.",
    )

    def __init__(self, *args: Any, services: list[Service], **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [(str(service.id), service.name) for service in services]
        self.fields["service"].choices = choices  # type: ignore[attr-defined] # a ChoiceField
        self.request: CurlRequest | None = None
        self.target_refused = False

    def clean_command(self) -> str:
        # Browsers send every line end of a text field as CR LF.
        command = as_typed(self.cleaned_data["command"])
        try:
            self.request = read_command(command)
        except NotUnderstood as error:
            raise forms.ValidationError(str(error)) from None
        return command

    def refuse(self, refused: ReplayRefused) -> None:
        self.target_refused = isinstance(refused, TargetNotAllowed)
        self.add_error("command", str(refused))


@limited_as(POST="replays")
@require_http_methods(["GET", "HEAD", "POST"])
def send_command(request: HttpRequest) -> HttpResponse:
    """A POST shows what would be sent; with `send` it goes out, and its log is opened."""
    actor = page_actor(request)
    require(actor, Scope.REPLAY)
    services = services_of(actor)
    if request.method != "POST":
        form = CommandForm(services=services, initial={"service": request.GET.get("service", "")})
        return page(request, form, services)
    form = CommandForm(request.POST, services=services)
    if not form.is_valid() or form.request is None:
        return page(request, form, services, status=400)
    if "send" not in request.POST:
        return page(request, form, services)
    service = reach_service(actor, form.cleaned_data["service"], Scope.REPLAY)
    try:
        log_id = send_and_keep(
            form.request,
            service,
            mode=form.cleaned_data["mode"],
            actor_label=actor.label,
            source_ip=client_address(request),
            now=timezone.now(),
        )
    except ReplayRefused as refused:
        form.refuse(refused)
        return page(request, form, services, status=400)
    return redirect("pages:log", log_id)


def services_of(actor: Actor) -> list[Service]:
    """Those that the actor may send to."""
    found = Service.objects.alive().filter(organization__in=actor.organizations(Scope.REPLAY), is_own=False)
    return list(found.order_by("name", "id")[:MAX_LISTED])


def page(
    request: HttpRequest, form: CommandForm, services: list[Service], *, status: int = 200
) -> HttpResponse:
    """Nothing may keep it: the command holds whatever secrets were pasted."""
    shown = form.request
    chosen = form["service"].value()
    service = next((each for each in services if str(each.id) == chosen), None)
    target = None
    if shown is not None and service is not None:
        target = target_of(shown.url, service, loopback_allowed=settings.QUICK_START)
    context = {
        "section": "logs",
        "form": form,
        "shown": shown,
        "service": service,
        "target": target,
        "changes_things": shown is not None and shown.method not in SAFE_METHODS,
        "may_manage": service is not None and page_actor(request).may(Scope.MANAGE, service.organization_id),
        "timeout_s": settings.REPLAY_TIMEOUT_S,
    }
    response = render(request, "curl/send.html", context, status=status)
    add_never_cache_headers(response)
    return response
