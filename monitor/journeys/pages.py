"""The pages of journeys: the editor, imports, and one run in full."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.permissions import require
from monitor.journeys.checks import READY_MADE
from monitor.journeys.document import Journey, read_document
from monitor.journeys.forms import Draft, JourneyForm
from monitor.journeys.imports import BadImport, Note
from monitor.journeys.imports.bringing import MAX_BYTES
from monitor.journeys.imports.logs import read_logs
from monitor.journeys.imports.reading import FORMATS, read_import
from monitor.journeys.runs import rows_of
from monitor.lib import payload
from monitor.lib.actors import Actor, Scope
from monitor.lib.ids import moment_of
from monitor.models import Beat, Monitor
from monitor.monitors.detail_pages import pill_of, word_of
from monitor.monitors.form_pages import look_by, manageable, others_of, proxies_of
from monitor.monitors.pages import reading_or_posting
from monitor.monitors.reach import home_of, parent_for, proxy_for, reach_monitor, service_for
from monitor.monitors.register import change_monitor, make_monitor
from monitor.probing import BadConfig, kind_named

ISSUES_WITH_ORGANIZATIONS = "You are in several organizations: choose a service and a proxy of one."


@reading_or_posting
def new(request: HttpRequest) -> HttpResponse:
    """An empty journey, or one out of logs (`?log=`); a POST changes it, looks once, or saves."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    if request.method == "POST":
        return posted(request, actor, None)
    draft, shown = Draft(), {"service_id": request.GET.get("service_id", "")}
    notes: tuple[Note, ...] = ()
    if ids := request.GET.getlist("log"):
        try:
            brought, service = read_logs([UUID(each) for each in ids], actor=actor)
            draft, notes = Draft.of(brought.document()), tuple(brought.notes)
        except BadImport as error:
            messages.error(request, str(error))
            return redirect("pages:journey-import")
        except ValueError:
            raise Http404("No such log.") from None
        shown = {"service_id": str(service.id) if service else "", "name": "From logs"}
    else:
        draft.change("add")
    form = JourneyForm.around(draft, monitor=None, **choices_of(actor, None), shown=shown)
    return editor(request, form, notes=notes)


@reading_or_posting
def edit(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    actor = page_actor(request)
    found = reach_journey(actor, monitor_id, Scope.MANAGE)
    if request.method == "POST":
        return posted(request, actor, found)
    draft = Draft.of(read_document(found.config))
    return editor(request, JourneyForm.around(draft, monitor=found, **choices_of(actor, found)))


def choices_of(actor: Actor, found: Monitor | None) -> dict[str, Any]:
    """What a journey may be tied to."""
    home = found.organization_id if found is not None else None
    return {
        "services": manageable(actor),
        "others": others_of(actor, found),
        "proxies": proxies_of(actor, home),
    }


def reach_journey(actor: Actor, monitor_id: UUID, scope: Scope) -> Monitor:
    found = reach_monitor(actor, monitor_id, scope)
    if found.kind != "journey":
        raise Http404("No such journey.")
    return found


def posted(request: HttpRequest, actor: Actor, found: Monitor | None) -> HttpResponse:
    """What the pressed button says: another view of the same, one step more or less, a look, or saved."""
    draft, verb = Draft.sent(request.POST), request.POST.get("do", "save")
    choices = choices_of(actor, found)
    if verb not in ("save", "look"):
        if verb in ("yaml", "form"):
            draft = draft.turned(verb)
        else:
            draft.change(verb)
        form = JourneyForm.around(draft, monitor=found, **choices, shown=as_typed(request.POST))
        return editor(request, form, status=400 if draft.problem else 200)
    form = JourneyForm.around(draft, monitor=found, **choices, data=request.POST)
    if not form.is_valid():
        return editor(request, form, status=400)
    if verb == "look":
        return editor(request, form, looked=look_by(form, actor))
    return saved(request, actor, form, found)


def as_typed(data: QueryDict) -> dict[str, Any]:
    """The fields as they stand; of most there is one value."""
    return {**data.dict(), "depends_on_ids": data.getlist("depends_on_ids")}


def saved(request: HttpRequest, actor: Actor, form: JourneyForm, found: Monitor | None) -> HttpResponse:
    fields = dict(form.judge.validated_data)
    config = fields.pop("config")
    service = service_for(actor, fields.pop("service_id", None))
    proxy_id, parent_id = fields.pop("proxy_id", None), fields.pop("parent_id", None)
    try:
        if found is None:
            home, needed = home_of(actor, None, service), fields.pop("depends_on_ids", [])
            ties = {"proxy": proxy_for(proxy_id, home.id), "parent": parent_for(parent_id, home.id)}
            made = Monitor(organization=home, service=service, **ties, **fields)
            found = make_monitor(made, config, now=timezone.now(), depends_on_ids=needed)
        elif service is not None and service.organization_id != found.organization_id:
            form.add_error("service_id", "The service is of another organization.")
            return editor(request, form, status=400)
        else:
            fields |= {"service": service, "proxy": proxy_for(proxy_id, found.organization_id)}
            fields["parent"] = parent_for(parent_id, found.organization_id, child=found)
            change_monitor(found, fields, config, now=timezone.now())
    except BadConfig as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return editor(request, form, status=400)
    except ValidationError:
        form.add_error("service_id", ISSUES_WITH_ORGANIZATIONS)
        return editor(request, form, status=400)
    is_by_clock = kind_named(found.kind).schedule(found.config) is not None
    words = "It runs at its next moment." if is_by_clock else "The next check follows in a moment."
    messages.success(request, f"Saved. {words}")
    return redirect("pages:monitor", found.id)


def editor(
    request: HttpRequest,
    form: JourneyForm,
    *,
    looked: dict[str, Any] | None = None,
    notes: tuple[Note, ...] = (),
    status: int = 200,
) -> HttpResponse:
    """Nothing may keep it: it holds the secrets that were just typed."""
    draft = form.draft
    context = {
        "section": "monitors",
        "form": form,
        "draft": draft,
        "steps": list(zip(draft.step_forms(), draft.opened(), draft.steps, draft.focused(), strict=True)),
        "monitor": form.instance,
        "ready_made": READY_MADE,
        "looked": looked,
        "look_rows": rows_of(looked.get("detail", {})) if looked else [],
        "notes": notes,
    }
    response = render(request, "journeys/editor.html", context, status=status)
    add_never_cache_headers(response)
    return response


# --- Imports -----------------------------------------------------------------------------------------------


class ImportForm(forms.Form):
    format = forms.ChoiceField(label="It is a", choices=FORMATS)
    file = forms.FileField(required=False)
    text = forms.CharField(
        required=False,
        label="Or paste it",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
    )
    environment = forms.FileField(required=False, label="Environment (Postman)")
    rows = forms.FileField(required=False, label="Rows of data (CSV or JSON)")

    def text_of(self, name: str) -> str:
        """A file as text. Adds an error where it is none."""
        given = self.cleaned_data.get(name)
        if given is None:
            return ""
        if given.size > MAX_BYTES:
            self.add_error(name, "The file is larger than 16 MiB.")
            return ""
        try:
            return str(given.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error(name, "This is no text in UTF-8.")
            return ""

    def brought(self) -> tuple[Journey, tuple[Note, ...]] | None:
        """None where it cannot be read; the errors say why."""
        texts = {name: self.text_of(name) for name in ("file", "environment", "rows")}
        text = texts["file"] or self.cleaned_data["text"]
        if not self.errors and not text.strip():
            self.add_error("file", "Choose a file, or paste its text.")
        if self.errors:
            return None
        try:
            found = read_import(
                self.cleaned_data["format"], text, environment=texts["environment"], rows=texts["rows"]
            )
        except BadImport as error:
            self.add_error(None, str(error))
            return None
        return found.journey, found.notes


@reading_or_posting
def bring(request: HttpRequest) -> HttpResponse:
    """A POST shows the journey in the editor with its report; nothing is saved yet."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    form = ImportForm(request.POST or None, request.FILES or None)
    found = form.brought() if request.method == "POST" and form.is_valid() else None
    if found is None:
        status = 400 if form.is_bound else 200
        context = {"section": "monitors", "form": form}
        return render(request, "journeys/import.html", context, status=status)
    journey, notes = found
    edited = JourneyForm.around(
        Draft.of(journey), monitor=None, **choices_of(actor, None), shown={"name": journey.name}
    )
    return editor(request, edited, notes=notes)


# --- One run -----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD"])
def run(request: HttpRequest, monitor_id: UUID, beat_id: UUID) -> HttpResponse:
    """Each step of one check, with all that was kept of it."""
    found = reach_journey(page_actor(request), monitor_id, Scope.READ)
    beat = get_object_or_404(Beat, id=beat_id, monitor_id=found.id)
    around = Beat.objects.filter(monitor_id=found.id)
    detail = payload.unpack(beat.detail) if beat.detail else {}
    context = {
        "section": "monitors",
        "monitor": found,
        "beat": beat,
        "at": moment_of(beat.id),
        "words": word_of(beat),
        "pill": pill_of(beat),
        "rows": rows_of(detail),
        "older": around.filter(id__lt=beat.id).order_by("-id").values_list("id", flat=True).first(),
        "newer": around.filter(id__gt=beat.id).order_by("id").values_list("id", flat=True).first(),
    }
    return render(request, "journeys/run.html", context)
