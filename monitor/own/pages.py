"""The way from the menu of a page to the explorer, with the organization's own calls."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.models import Service


@require_safe
def request_logs(request: HttpRequest) -> HttpResponse:
    """The log table with the calls of the person's first organization that has any."""
    services = Service.objects.visible_to(page_actor(request), own=True)
    own = services.filter(is_own=True).order_by("id").first()
    if own is None:
        messages.info(request, "No call of the API has been kept yet. The first shows within seconds.")
        return redirect("pages:logs")
    return redirect(f"{resolve_url('pages:logs')}?{urlencode({'service_id': own.id})}")
