"""What pages with the log filter share: an address that stays tidy, and one markup for page and part."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers

from monitor.lib.addresses import PICKED_NAMES, address_with
from monitor.search.asked import WINDOW_NAMES, Asked, tidy_query
from monitor.search.language.completion import offers
from monitor.search.picked import address_as_picked, said_empty

FORM_ID = "log-filter"
# Where the search box has the values of a field counted.
OFFERS_AT = "/v1/logs/facets"
# Offered first; any other method can stand in the address.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# Fields that fold away unless one of them is in use.
MORE_FIELDS = (
    "path",
    "status_code",
    "min_latency_ms",
    "max_latency_ms",
    "has_error",
    "consumer",
    "environment",
    "tag",
    "trace_id",
    "span_id",
    "since",
    "until",
)
FIELDS = ("q", "service_id", "status_class", "method", *MORE_FIELDS)


def redirect_to_tidy(request: HttpRequest, *, picked: Sequence[str] = PICKED_NAMES) -> HttpResponse | None:
    """A form without scripts sends every field of it; the address that people share has only what counts,
    and what this browser picked of `picked` for all pages."""
    if is_from_form(request):
        return None
    better = tidy_query(request.GET, keep=said_empty(request)) or address_as_picked(request, picked)
    return None if better is None else HttpResponseRedirect(request.path + better)


def is_from_form(request: HttpRequest) -> bool:
    """Whether htmx asks because a filter was changed."""
    return request.headers.get("HX-Trigger") == FORM_ID


def filter_context(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    form = asked.filter.form
    tidy = tidy_query(request.GET, keep=said_empty(request))
    query = address_with(request.GET, {"cursor": request.GET.get("cursor")}) if tidy is None else tidy
    return {
        "asked": asked,
        "form": form,
        "methods": METHODS,
        "offers": offers(),
        "offers_at": OFFERS_AT,
        "fields": [form[name] for name in FIELDS if name != "q"],
        "more_fields": [form[name] for name in MORE_FIELDS],
        "more_is_open": any(
            # The window has a control of its own, and a chart that was zoomed should not open this.
            name in form.errors or (request.GET.get(name) and name not in WINDOW_NAMES)
            for name in MORE_FIELDS
        ),
        "path": request.path,
        "address": request.path + query.removesuffix("?"),
    }


def respond(request: HttpRequest, context: Mapping[str, Any], *, whole: str, part: str) -> HttpResponse:
    """The whole page, or for htmx the part that changes. The address bar follows what the form asked."""
    # When htmx goes back in history without a copy of the page, it needs all of it.
    is_part = "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers
    response = render(request, part if is_part else whole, {**context, "is_part": is_part})
    if is_from_form(request):
        response["HX-Push-Url"] = context["address"]
    # One address has two bodies; a cache that mixes them up shows half a page.
    patch_vary_headers(response, ["HX-Request"])
    patch_cache_control(response, private=True, no_cache=True)
    return response
