"""How long an organization's logs are kept, as a form on the page of what is kept."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.lib.actors import Scope
from monitor.models import Organization
from monitor.models.retention import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS
from monitor.organizations.api import reach_organization
from monitor.organizations.change import RetentionTooShort, change_organization


class RetentionForm(forms.Form):
    retention_days = forms.IntegerField(
        label="Keep logs for (days)",
        required=False,
        min_value=MIN_RETENTION_DAYS,
        max_value=MAX_RETENTION_DAYS,
        help_text="Empty: as long as this installation is set to. "
        "When you shorten it, older logs go for good within the hour.",
    )
    error_retention_days = forms.IntegerField(
        label="Keep requests that failed for (days)",
        required=False,
        min_value=MIN_RETENTION_DAYS,
        max_value=MAX_RETENTION_DAYS,
        help_text="Empty: as long as the others.",
    )

    @classmethod
    def of(cls, organization: Organization, data: Any = None) -> "RetentionForm":
        as_it_is = {name: getattr(organization, name) for name in cls.base_fields}
        form = cls(data, initial=as_it_is)
        form.fields["retention_days"].widget.attrs["placeholder"] = settings.RETENTION_DAYS
        return form


@require_http_methods(["GET", "HEAD", "POST"])
def retention(request: HttpRequest, organization_id: UUID) -> HttpResponse:
    """What services inherit that say nothing themselves."""
    organization = reach_organization(page_actor(request), organization_id, Scope.MANAGE)
    form = RetentionForm.of(organization, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            change_organization(organization, **form.cleaned_data)
        except RetentionTooShort as error:
            form.add_error("error_retention_days", str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("pages:storage")
    status = 400 if form.errors else 200
    own = (
        organization.services.alive().exclude(retention_days=None, error_retention_days=None).order_by("name")
    )
    context = {"section": "storage", "organization": organization, "form": form, "own": own}
    return render(request, "organizations/retention.html", context, status=status)
