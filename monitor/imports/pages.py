"""The page that takes a file.

With scripts the browser opens the file and sends it in pieces to this same page, so that the bar tells the
truth and a file may be as large as the browser can read; without them it is sent whole.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import APIException

from monitor.access.gate import page_actor
from monitor.api.permissions import reach_service, require
from monitor.imports.bring import Brought, bring_in
from monitor.imports.doors import FileDoor, HarFile, NdjsonFile, import_result
from monitor.ingest.entry import Sender
from monitor.lib.actors import Actor, Scope
from monitor.models import Service
from monitor.models.keys import Mode

DOORS: dict[str, FileDoor] = {"har": HarFile(), "ndjson": NdjsonFile()}
MAX_LISTED = 500
MAX_SHOWN = 100


class ImportForm(forms.Form):
    file = forms.FileField(
        label="File", widget=forms.FileInput(attrs={"accept": ".har,.json,.ndjson,.jsonl"})
    )
    service = forms.ChoiceField(label="Service")
    mode = forms.ChoiceField(label="Mode", choices=Mode.choices, initial=Mode.LIVE)
    # The button that was pressed.
    dry_run = forms.BooleanField(required=False)

    def __init__(self, *args: Any, services: list[Service], **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [(str(service.id), service.name) for service in services]
        self.fields["service"].choices = choices  # type: ignore[attr-defined] # a ChoiceField

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > settings.MAX_IMPORT_BYTES:
            raise forms.ValidationError(
                f"Larger than {settings.MAX_IMPORT_BYTES // 2**20} MiB. A browser with JavaScript sends it in"
                " pieces, and the command line takes files of any size."
            )
        return file


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What came of a file, as far as a page shows it."""

    brought: Brought
    service: Service

    @property
    def errors(self) -> list[Any]:
        return self.brought.rejections[:MAX_SHOWN]

    @property
    def not_shown(self) -> int:
        return len(self.brought.rejections) - len(self.errors)


@require_http_methods(["GET", "HEAD", "POST"])
def import_file(request: HttpRequest) -> HttpResponse:
    """The form, and what came of a file or, asked for JSON, of a piece of one."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    services = services_of(actor)
    if request.method != "POST":
        asked = request.GET.get("service", "")
        return page(request, ImportForm(services=services, initial={"service": asked}))
    form = ImportForm(request.POST, request.FILES, services=services)
    if not form.is_valid():
        return refusal(request, form)
    service = reach_service(actor, form.cleaned_data["service"], Scope.MANAGE)
    try:
        brought = bring_file(form, service)
    except APIException as error:
        form.add_error("file", str(error.detail))
        return refusal(request, form)
    if wants_json(request):
        return JsonResponse(dict(import_result(brought)))
    return page(request, form, shown=Shown(brought=brought, service=service))


def services_of(actor: Actor) -> list[Service]:
    """Those that the actor may bring logs to."""
    found = Service.objects.alive().filter(organization__in=actor.organizations(Scope.MANAGE), is_own=False)
    return list(found.order_by("name", "id")[:MAX_LISTED])


def bring_file(form: ImportForm, service: Service) -> Brought:
    """Raises APIException for what is no file of its kind."""
    file: UploadedFile = form.cleaned_data["file"]
    data = file.read()
    door = DOORS[kind_of(file.name or "", data)]
    return bring_in(
        door.items(data, ""),
        Sender.of_service(service, mode=form.cleaned_data["mode"]),
        source=door.source,
        now=timezone.now(),
        dry_run=form.cleaned_data["dry_run"],
    )


def kind_of(name: str, data: bytes) -> str:
    """By the name, else by the beginning: a HAR is one object, whose first name is `log` as a rule."""
    ending = name.rpartition(".")[2].lower()
    if ending in ("ndjson", "jsonl"):
        return "ndjson"
    if ending == "har" or b'"log"' in data[:200]:
        return "har"
    return "ndjson"


def wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "") == "application/json"


def refusal(request: HttpRequest, form: ImportForm) -> HttpResponse:
    if wants_json(request):
        return JsonResponse(
            {"problems": {name: list(errors) for name, errors in form.errors.items()}}, status=400
        )
    return page(request, form, status=400)


def page(
    request: HttpRequest, form: ImportForm, *, shown: Shown | None = None, status: int = 200
) -> HttpResponse:
    context = {"section": "logs", "form": form, "shown": shown}
    return render(request, "imports/import.html", context, status=status)
