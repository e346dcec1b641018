"""Picking what all pages look at: live or test requests, and one environment."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.models.keys import Mode
from monitor.search.picked import Picked, environments_of, keep_picked, picked_of, without_picked


@require_http_methods(["GET", "HEAD", "POST"])
def picked(request: HttpRequest) -> HttpResponse:
    """The environments to pick from. A POST keeps what was picked, and leads back with it."""
    if request.method == "POST":
        before, sent = picked_of(request), request.POST
        chosen = Picked.of(
            sent.get("mode", before.mode),
            # One that is written goes before one that is chosen of the list.
            sent.get("other", "").strip() or sent.get("environment", before.environment),
        )
        answer = HttpResponseRedirect(address_back(request, sent.get("next", "")))
        keep_picked(answer, chosen)
        return answer
    known = environments_of(page_actor(request), now=timezone.now())
    chosen = picked_of(request)
    context = {
        "section": "picked",
        "modes": [("", "All"), *Mode.choices],
        "environments": known,
        "is_other": bool(chosen.environment) and chosen.environment not in known,
        "next": address_back(request, request.GET.get("next", "")),
    }
    return render(request, "search/picked.html", context)


def address_back(request: HttpRequest, address: str) -> str:
    """The page one came from, saying nothing of what is picked: what is picked now is to hold there."""
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return reverse("pages:logs")
    parts = urlsplit(address)
    query = without_picked(QueryDict(parts.query)) if parts.query else ""
    return parts.path + query.removesuffix("?")
