"""The log table and the page of one log."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.api.keyset import Page, read_cursor
from monitor.issues.listing import issues_of_log
from monitor.lib.actors import Scope
from monitor.lib.addresses import PLACES, address_with
from monitor.lib.span_ids import span_number
from monitor.lib.time_limit import TookTooLong, time_limit
from monitor.models import RequestLog
from monitor.models.logs import RequestLogQuerySet
from monitor.search.asked import Asked, read_address
from monitor.search.columns import choose_columns, shown_columns
from monitor.search.copies import FORMS, copies_of, copy_of
from monitor.search.detail import read_detail
from monitor.search.facets import Asking
from monitor.search.filtering import filter_context, is_from_form, redirect_to_tidy, respond
from monitor.search.filters import TextLogFilter
from monitor.search.finding import Search, find
from monitor.search.language import Exactly, Field, Term, write_term
from monitor.search.saved.menu import menu_for
from monitor.search.sides import query_rows, sides_of
from monitor.search.story import tell_story
from monitor.search.tailed import has_tail, read_id, read_number, tail_of
from monitor.search.traffic import draw_traffic
from monitor.search.walk import LAST_RESORT
from monitor.search.waterfall import waterfall_of

ROWS = 50
EXPORT = "/v1/logs/export"
CHART_LIMIT = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of rows. `full_ms` is the duration at which a row's latency bar is full.

    A page that is not complete was cut short by the clock: it searched as far as `reached`.
    """

    page: Page[RequestLog]
    full_ms: float | None
    is_first: bool
    is_complete: bool
    reached: datetime

    @property
    def is_all(self) -> bool:
        """Whether these rows are all there are."""
        return self.is_first and self.is_complete and self.page.older is None


@require_safe
def logs(request: HttpRequest) -> HttpResponse:
    elsewhere = choose_columns(request) or redirect_to_tidy(request)
    if elsewhere is not None:
        return elsewhere
    asked = read_address(request.GET, page_actor(request), now=timezone.now(), filter_class=TextLogFilter)
    context = filter_context(request, asked) | menu_for(request) | columns_context(request)
    context |= {
        "section": "logs",
        "is_live": bool(request.GET.get("live")),
        "has_tail": has_tail(),
        "tail": tail_of(request.GET) if has_tail() else None,
    }
    if asked.is_valid:
        context |= results(asked, request.GET, path=request.path) | {"export": export_of(asked)}
        context["may_import"] = page_actor(request).may(Scope.MANAGE)
    return respond(request, context, whole="search/list.html", part="search/_results.html")


def export_of(asked: Asked) -> str:
    """Where all of these logs are a file; the format is still to be added."""
    changes = {"live": None, "window": None, "since": asked.window.since.isoformat()}
    return EXPORT + address_with(asked.query, changes)


@require_safe
def log_rows(request: HttpRequest) -> HttpResponse:
    """The rows of these logs as the table shows them, for a page that heard of them by a stream.

    The rest of the address is that of the page, so that the links in the rows lead where its own do.
    """
    query = request.GET.copy()
    ids = [id_ for id_ in map(read_id, query.pop("ids", [""])[0].split(",")[:ROWS]) if id_]
    full_ms = read_number(query.pop("full_ms", [""])[0])
    logs = RequestLog.objects.visible_to(page_actor(request), own=True).with_names().filter(id__in=ids)
    request.GET = query  # type: ignore[assignment] # immutable from here on, as it was
    found = Found(
        page=Page(rows=list(logs.newest_first())),
        full_ms=full_ms,
        is_first=True,
        is_complete=True,
        reached=timezone.now(),
    )
    return render(request, "search/_rows.html", {"found": found} | columns_context(request))


def columns_context(request: HttpRequest) -> dict[str, Any]:
    """The columns, and what of the address goes along when others are chosen."""
    dropped = {"column", "columns", *PLACES}
    kept = [(name, value) for name, value in request.GET.items() if value and name not in dropped]
    return {"shown": shown_columns(request), "kept_in_columns": kept, "from_form": is_from_form(request)}


def results(asked: Asked, query: QueryDict, *, path: str) -> dict[str, Any]:
    """The rows and the chart, each as far as its time allows. Without rows there is no wait for a chart."""
    try:
        found = find_page(asked, query)
    except TookTooLong:
        return {"stopped_after": LAST_RESORT.seconds}
    # What is read out of bodies or comes with "continue" is not counted while someone waits.
    if asked.filter.phrases:
        return {"found": found, "no_chart": "quoted text is looked for in bodies, which nobody counts."}
    if not found.is_complete:
        return {"found": found, "no_chart": "the search has not come to its end."}
    try:
        with time_limit(CHART_LIMIT):
            jump = path + address_with(query, {"live": None})
            return {
                "found": found,
                "traffic": draw_traffic(
                    Asking(filter=asked.filter, services=asked.services, now=asked.now), jump=jump
                ),
            }
    except TookTooLong:
        return {"found": found, "chart_stopped_after": CHART_LIMIT.seconds}


def find_page(asked: Asked, query: QueryDict) -> Found:
    cursor = read_cursor(query)
    search = Search(logs=asked.logs.with_names(), window=asked.window, phrases=asked.filter.phrases)
    finding = find(search, limit=ROWS, cursor=cursor)
    if cursor is not None and cursor.newer and finding.is_complete and finding.page.newer is None:
        # Up here the list begins, and a whole page reads better than the few rows above the last one.
        cursor = None
        finding = find(search, limit=ROWS)
    return Found(
        page=finding.page,
        full_ms=full_latency(finding.page.rows),
        is_first=cursor is None,
        is_complete=finding.is_complete,
        reached=finding.reached,
    )


def full_latency(rows: Sequence[RequestLog]) -> float | None:
    """The duration that nineteen of twenty rows stay within: the slowest stand out on any page."""
    latencies = sorted(row.latency_ms for row in rows if row.latency_ms is not None)
    return latencies[math.ceil(len(latencies) * 0.95) - 1] if latencies else None


@require_safe
def log(request: HttpRequest, log_id: UUID) -> HttpResponse:
    visible = RequestLog.objects.visible_to(page_actor(request), own=True)
    found = the_log(visible, log_id)
    detail = read_detail(found)
    context = {
        "section": "logs",
        "log": found,
        "detail": detail,
        "sides": sides_of(detail),
        "query": query_rows(detail),
        "copies": copies_of(detail),
        "story": tell_story(found, visible, now=timezone.now()),
        "waterfall": waterfall_of(found, visible),
        "trace_search": trace_search(found),
        "caller_is_findable": span_number(detail.parent_span_id) is not None,
        "issues": issues_of_log(found, error=detail.error, body=detail.response_body),
        "may_import": page_actor(request).may(Scope.MANAGE),
    }
    return render(request, "search/detail.html", context)


def trace_search(log: RequestLog) -> str:
    """The query string of the table with all logs of the trace, however long ago."""
    term = Term(field=Field.TRACE, value=Exactly(text=log.trace_id))
    return "?" + urlencode({"q": write_term(term), "window": "all"})


def the_log(visible: RequestLogQuerySet, log_id: UUID) -> RequestLog:
    found = visible.with_names().filter(id=log_id).first()
    if found is None:
        raise Http404("There is no such log. It may have aged out, or belong to another organization.")
    return found


@require_safe
def copy(request: HttpRequest, log_id: UUID) -> JsonResponse:
    """One form of a log to copy, for a button in the table: its rows have no payload to make it of."""
    form = request.GET.get("as", "")
    if form not in FORMS:
        raise Http404("There is no such form.")
    found = the_log(RequestLog.objects.visible_to(page_actor(request), own=True), log_id)
    made = copy_of(read_detail(found), form)
    response = JsonResponse({"words": made.words, "text": made.text, "notes": made.notes})
    response["Cache-Control"] = "no-store"
    return response
