"""The pages of error issues: what fails, and one way of failing in full."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe

from monitor.access.gate import page_actor
from monitor.api.keyset import read_cursor
from monitor.api.ranked import cut_ranking
from monitor.charts import Series, TimeAxis, sparkline, stacked_bars
from monitor.issues.api import AskedSerializer, ChangedIssueSerializer
from monitor.issues.listing import (
    UNRESOLVED,
    Chosen,
    Order,
    Step,
    consumers_of,
    in_order,
    over_time,
    read,
    samples_of,
)
from monitor.issues.reported import Reported, reported_to
from monitor.issues.states import change_state, may_change, reach_issue, reach_to_change
from monitor.lib.addresses import address_with
from monitor.models import Endpoint, ErrorIssue, Service
from monitor.models.issues import IssueKind
from monitor.search.filtering import redirect_to_tidy, respond

ROWS = 50
SPARK_STEPS, SPARK_STEP = 28, timedelta(hours=6)
CHART_STEPS, CHART_STEP = 56, timedelta(hours=3)
COLUMNS = (
    (Order.REQUESTS, "Requests"),
    (Order.CONSUMERS, "Consumers"),
    (Order.FIRST_SEEN, "First seen"),
    (Order.LAST_SEEN, "Last seen"),
)
# Words of each choice, and what it asks for.
VIEWS = (
    ("", "To see to", ",".join(UNRESOLVED)),
    ("muted", "Muted", "muted"),
    ("resolved", "Resolved", "resolved"),
    ("all", "All", ""),
)
DONE = {
    "open": "The issue is open again.",
    "acknowledged": "The issue is acknowledged.",
    "resolved": "The issue is resolved. It comes back by itself when a request fails that way again.",
    "muted": "The issue is muted.",
}


@require_safe
def issues(request: HttpRequest) -> HttpResponse:
    # An issue is of one mode, and of whatever environments it was met in.
    tidy = redirect_to_tidy(request, picked=("mode",))
    if tidy is not None:
        return tidy
    actor, query = page_actor(request), request.GET
    chosen, order = asked_by(request)
    places = in_order(chosen.of(ErrorIssue.objects.visible_to(actor)), order)
    page = cut_ranking(places, limit=ROWS, cursor=read_cursor(query))
    found = read(page.rows)
    endpoint_id = chosen.fields.get("endpoint_id")
    visible = Service.objects.visible_to(actor)
    context = {
        "section": "issues",
        "path": request.path,
        "address": request.path + address_with(query, {}).removesuffix("?"),
        "services": visible.order_by("name", "id"),
        "service_id": str(chosen.fields.get("service_id", "")),
        "endpoint": endpoint_id
        and Endpoint.objects.filter(id=endpoint_id, service__in=visible).select_related("service").first(),
        "kinds": IssueKind.choices,
        "page": page,
        "issues": found,
        "rows": with_sparks(found),
        "known": len(places),
        "views": [
            (words, address_with(query, {"show": name}), request.GET.get("show", "") == name)
            for name, words, _ in VIEWS
        ],
        "columns": [
            (words, address_with(query, {"sort": None if each == Order.LAST_SEEN else each}), each == order)
            for each, words in COLUMNS
        ],
        "reported": reported_for(request, chosen),
        "kept_names": [(name, request.GET.get(name)) for name in ("show", "sort", "endpoint_id")],
    }
    return respond(request, context, whole="issues/list.html", part="issues/_rows.html")


def reported_for(request: HttpRequest, chosen: Chosen) -> list[Reported]:
    """What clients reported of the same. It has no state: it is neither muted nor resolved."""
    if request.GET.get("show", "") in ("muted", "resolved") or request.GET.get("cursor"):
        return []
    return reported_to(
        page_actor(request),
        now=timezone.now(),
        fields=chosen.fields,
        text=chosen.text,
        consumer_id=chosen.consumer_id,
    )


def asked_by(request: HttpRequest) -> tuple[Chosen, Order]:
    """What the address asks for, in the API's own words; damaged ones mean nothing was asked."""
    words = {name: word for name, word in request.GET.items() if word}
    shown = {name: states for name, _, states in VIEWS}
    words["state"] = shown.get(str(words.pop("show", "")), shown[""])
    asked = AskedSerializer(data=words)
    if not asked.is_valid():
        asked = AskedSerializer(data={name: word for name, word in words.items() if name not in asked.errors})
        asked.is_valid(raise_exception=True)
    return asked.chosen, Order(asked.validated_data["sort"])


def with_sparks(found: Sequence[ErrorIssue]) -> list[tuple[ErrorIssue, SafeString]]:
    """Each issue with its last seven days."""
    steps = over_time(found, now=timezone.now(), steps=SPARK_STEPS, step=SPARK_STEP) if found else {}
    return [
        (issue, sparkline(counts_of(steps[issue.id]), label="Last 7 days", css_class="series-5xx"))
        for issue in found
    ]


def counts_of(steps: Sequence[Step]) -> list[float | None]:
    return [float(step.requests) for step in steps]


# --- One issue ---------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def issue(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """One issue with its samples. A POST changes its state."""
    actor = page_actor(request)
    if request.method == "POST":
        found = reach_to_change(actor, issue_id)
        form = ChangedIssueSerializer(data={name: word for name, word in request.POST.items() if word})
        if form.is_valid():
            change_state(found.id, by=actor.label, now=timezone.now(), **form.validated_data)
            messages.success(request, DONE[form.validated_data["state"]])
        else:
            messages.error(request, "Nothing was changed: mute for a whole number of requests.")
        return redirect("pages:issue", issue_id)
    found = reach_issue(actor, issue_id)
    context = {
        "section": "issues",
        "issue": found,
        "chart": chart_of(found),
        "samples": samples_of(found),
        "consumers": consumers_of(found),
        "may_change": may_change(actor, found.service.organization_id),
    }
    return respond(request, context, whole="issues/detail.html", part="issues/detail.html")


def chart_of(found: ErrorIssue) -> SafeString:
    now = timezone.now()
    steps = over_time([found], now=now, steps=CHART_STEPS, step=CHART_STEP)[found.id]
    axis = TimeAxis(start=steps[0].start, end=steps[-1].start + CHART_STEP, step=CHART_STEP, now=now)
    series = [Series(name="Requests", values=counts_of(steps), css_class="series-5xx", is_error=True)]
    return stacked_bars(
        axis, series, chart_id="issue", title="Last 7 days", empty="Not seen in the last 7 days"
    )
