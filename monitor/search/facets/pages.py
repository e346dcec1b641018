"""The rail of facets: loaded beside the log table once that is there, or a page of its own."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.search.asked import read_address
from monitor.search.facets.counting import Asking, count_facets
from monitor.search.facets.rail import rail_of
from monitor.search.filtering import respond
from monitor.search.filters import TextLogFilter

VALUES = 10


@require_safe
def facets(request: HttpRequest) -> HttpResponse:
    asked = read_address(request.GET, page_actor(request), now=timezone.now(), filter_class=TextLogFilter)
    context = {"section": "logs", "asked": asked}
    if asked.is_valid:
        asking = Asking(filter=asked.filter, services=asked.services, now=asked.now)
        counted = count_facets(asking, limit=VALUES)
        context["rail"] = rail_of(counted, request.GET)
        context["sampled"] = next(
            (facet.coverage for facet in counted if not facet.coverage.is_complete), None
        )
    return respond(request, context, whole="search/facets.html", part="search/_facets.html")
