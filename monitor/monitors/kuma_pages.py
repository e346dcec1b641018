"""The page that brings an Uptime Kuma's backup in: the plan first, then what it said is done."""

import base64
import binascii
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.forms import sentences
from monitor.api.permissions import require
from monitor.lib import payload
from monitor.lib.actors import Actor, Scope
from monitor.lib.secrets import CannotOpen, seal, unseal
from monitor.models import Organization
from monitor.monitors.importing import Told, bring_kuma, counts_of
from monitor.monitors.kuma import BadBackup
from monitor.monitors.pages import reading_or_posting
from monitor.monitors.reach import home_of, refuse_service_keys
from monitor.monitors.shared_forms import homes_of

MOST_BYTES = 8 * 1024 * 1024
# The page carries the file from the plan to the import. Forms are bounded; see DATA_UPLOAD_MAX_MEMORY_SIZE.
MOST_CARRIED = 900 * 1024
TOO_LARGE = "The file is too large for this page: bring it in by manage.py monitors import-kuma."
PILLS = {"taken": "pill-good", "changed": "pill-warn", "left out": "pill-bad"}


class KumaForm(forms.Form):
    file = forms.FileField(
        label="Backup",
        help_text="Kuma writes it at Settings, Backup.",
        error_messages={"required": "Choose a file."},
    )
    organization = forms.ChoiceField()
    # The file of the plan that was shown, sealed: it holds the secrets of all monitors.
    carried = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, homes: list[Organization], **options: Any) -> None:
        super().__init__(*args, **options)
        choice: Any = self.fields["organization"]
        choice.choices = [(str(home.id), home.name) for home in homes]
        if len(homes) < 2:
            del self.fields["organization"]
        # What a plan was shown of needs no choosing again.
        self.fields["file"].required = not self.data.get("carried")
        self.homes = {str(home.id): home for home in homes}
        self.text = ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        carried, file = cleaned.get("carried"), cleaned.get("file")
        if carried:
            self.text = self.unpacked(carried)
        elif file is not None and file.size > MOST_BYTES:
            self.add_error("file", TOO_LARGE)
        elif file is not None:
            self.text = file.read().decode("utf-8-sig", errors="replace")
        return cleaned

    def unpacked(self, carried: str) -> str:
        try:
            return str(payload.unpack(base64.b64decode(unseal(carried.encode())))["text"])
        except (CannotOpen, payload.PayloadCorrupt, binascii.Error, KeyError):
            self.add_error("file", "The plan is too old: choose the file again.")
            return ""

    def home(self, actor: Actor) -> Organization:
        """Raises ValidationError."""
        return home_of(actor, self.homes.get(self.cleaned_data.get("organization", "")), None)


def packed(text: str) -> str:
    """The file as the page carries it. Raises BadBackup for one that is too large for that."""
    try:
        carried = seal(base64.b64encode(payload.pack({"text": text})).decode()).decode()
    except payload.PayloadTooLarge:
        raise BadBackup(TOO_LARGE) from None
    if len(carried) > MOST_CARRIED:
        raise BadBackup(TOO_LARGE)
    return carried


@reading_or_posting
def bring(request: HttpRequest) -> HttpResponse:
    """A POST with a file shows what would come of each monitor; one with a plan that was shown makes it."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    refuse_service_keys(actor)
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    form = KumaForm(*given, homes=homes_of(actor))
    told: list[Told] = []
    carried = ""
    if form.is_bound and form.is_valid():
        is_plan = not form.cleaned_data.get("carried")
        try:
            home = form.home(actor)
            told = bring_kuma(home, form.text, now=timezone.now(), is_dry_run=is_plan)
            carried = packed(form.text) if is_plan else ""
        except BadBackup as error:
            told = []
            form.add_error("file", str(error))
        except ValidationError as error:
            form.add_error(None, list(sentences(error.detail)))
        else:
            if not is_plan:
                counts = counts_of(told)
                made = counts["taken"] + counts["changed"]
                messages.success(request, f"{made} monitors came in, {counts['left out']} were left out.")
                return redirect("pages:monitors")
    context = {
        "section": "monitors",
        "form": form,
        "told": [(each, PILLS[each.outcome]) for each in told],
        "counts": {word.replace(" ", "_"): number for word, number in counts_of(told).items()},
        "carried": carried,
        "organization": form.cleaned_data.get("organization", "") if form.is_bound else "",
    }
    status = 400 if form.is_bound and form.errors else 200
    response = render(request, "monitors/kuma.html", context, status=status)
    add_never_cache_headers(response)
    return response
