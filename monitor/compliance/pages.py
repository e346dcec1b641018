"""The pages on which an owner exports or deletes an organization."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from monitor.access.gate import page_actor
from monitor.access.recent import confirm_who
from monitor.api.errors import error_answer
from monitor.audit import record
from monitor.compliance.archive import ExportArchive
from monitor.compliance.deletion import CannotDelete, begin_deletion
from monitor.compliance.reach import deletions_of, reach_organization
from monitor.compliance.tasks import delete_organization
from monitor.export.streaming import TooManyExports
from monitor.models import Organization

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


class DeleteForm(forms.Form):
    """Deleting takes the name, typed: nobody deletes the wrong organization by a slip."""

    name = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, *args: Any, organization: Organization, **options: Any) -> None:
        super().__init__(*args, **options)
        self.organization = organization
        self.fields["name"].label = f"Type {organization.name} to delete it"

    def clean_name(self) -> str:
        typed: str = self.cleaned_data["name"]
        if typed != self.organization.name:
            raise forms.ValidationError(f"This is not “{self.organization.name}”; nothing was deleted.")
        return typed


@require_safe
def organization(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    found = reach_organization(page_actor(request), organization_id)
    return organization_page(request, found, DeleteForm(organization=found))


def organization_page(
    request: HttpRequest, organization: Organization, form: DeleteForm, *, status: int = 200
) -> HttpResponse:
    context = {"section": "people", "organization": organization, "form": form}
    return render(request, "compliance/organization.html", context, status=status)


@reading_or_posting
def export(request: HttpRequest, organization_id: UUID) -> HttpResponseBase:
    """The zip, as a POST: what gives everything away is no link to be led to."""
    if request.method != "POST":
        return redirect("pages:organization", organization_id)
    actor = page_actor(request)
    found = reach_organization(actor, organization_id)
    confirm_who(request)
    try:
        return archive_answer(found, requested_by=actor.label)
    except TooManyExports:
        return error_answer(request, 503, "Several exports are under way already.", wait_s=60)


def archive_answer(organization: Organization, *, requested_by: str) -> StreamingHttpResponse:
    """Raises TooManyExports."""
    now = timezone.now()
    archive = ExportArchive(organization, requested_by=requested_by, now=now)
    record(
        "organization.exported",
        organization_id=organization.id,
        target_type="organization",
        target_id=organization.id,
        target_label=organization.name,
    )
    response = StreamingHttpResponse(archive, content_type="application/zip")
    name = f"organization-{organization.id}-{now:%Y%m%d-%H%M%S}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@reading_or_posting
def delete(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:organization", organization_id)
    actor = page_actor(request)
    found = reach_organization(actor, organization_id)
    form = DeleteForm(request.POST, organization=found)
    if not form.is_valid():
        return organization_page(request, found, form, status=400)
    confirm_who(request)
    try:
        deletion = begin_deletion(
            found, requested_by=actor.label, requested_by_id=actor.user_id, now=timezone.now()
        )
    except CannotDelete as cannot:
        form.add_error(None, str(cannot))
        return organization_page(request, found, form, status=400)
    delete_organization.defer(deletion_id=str(deletion.id))
    return redirect("organization-receipt", deletion.id)


@require_safe
def receipt(request: HttpRequest, deletion_id: UUID) -> HttpResponse:
    """How far a deletion is, and its receipt in the end; for who asked for it."""
    deletion = get_object_or_404(deletions_of(page_actor(request)), id=deletion_id)
    text = json.dumps(deletion.receipt, indent=2, sort_keys=True) if deletion.receipt else ""
    removed = [(table.replace("_", " "), count) for table, count in deletion.removed.items() if count]
    context = {"section": "people", "deletion": deletion, "receipt": text, "removed": removed}
    return render(request, "compliance/receipt.html", context)
