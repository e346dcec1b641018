"""The pages of endpoints: all of them by what they cost, and one in full."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.api.keyset import read_cursor
from monitor.api.ranked import cut_ranking
from monitor.charts import Marker, Series, TimeAxis, Unit, distribution, lines
from monitor.deployments import deployments_shown, markers_of
from monitor.endpoints.filters import EndpointFilter, OneEndpointFilter
from monitor.endpoints.newest import callers_of, slowest_of
from monitor.endpoints.ranking import Order, last_calls, rank, with_last_seen
from monitor.endpoints.spread import bins_of, latencies_of
from monitor.issues.listing import unresolved_of
from monitor.issues.reported import reported_at
from monitor.lib.actors import Actor, Scope
from monitor.lib.addresses import address_with
from monitor.metrics import Bucket, Question, TooMuchToCount, ask, measure_for, series_for
from monitor.metrics.answer import LIMIT, PARTS_EXACT_UP_TO
from monitor.metrics.heads import Column, heads_of, sorted_by
from monitor.metrics.pages import drawn, latency_chart, requests_chart
from monitor.metrics.series import step_for
from monitor.models import Endpoint, Service
from monitor.models.metrics import Family
from monitor.search.asked import WINDOW_NAMES, Asked, read_address
from monitor.search.filtering import redirect_to_tidy, respond
from monitor.search.presets import preset_that_reaches

ROWS = 50
COLUMNS = (
    Column(order=Order.ROUTE, words="Endpoint", is_number=False, begins="asc"),
    Column(order=Order.IMPACT, words="Impact", is_number=False),
    Column(order=Order.REQUESTS, words="Requests"),
    Column(order=Order.ERROR_RATE, words="Errors"),
    Column(order=Order.P50, words="p50"),
    Column(order=Order.P95, words="p95"),
    Column(order=Order.LAST_SEEN, words="Last seen"),
)


@require_safe
def endpoints(request: HttpRequest) -> HttpResponse:
    tidy = redirect_to_tidy(request)
    if tidy is not None:
        return tidy
    asked = read_address(request.GET, page_actor(request), now=timezone.now(), filter_class=EndpointFilter)
    context = page_context(request, asked)
    if asked.is_valid:
        context |= listed(asked, request.GET)
    return respond(request, context, whole="endpoints/list.html", part="endpoints/_rows.html")


def page_context(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    return {
        "section": "endpoints",
        "asked": asked,
        "form": asked.filter.form,
        "path": request.path,
        "address": request.path + address_with(request.GET, {}).removesuffix("?"),
        "several_services": len(asked.services) > 1,
        # What the form sends along unseen.
        "kept_names": [
            (name, request.GET.get(name)) for name in ("window", "since", "until", "sort", "order")
        ],
    }


def listed(asked: Asked, query: QueryDict) -> dict[str, Any]:
    """A page of the ranking, or after how many seconds it was given up."""
    column, reverse = sorted_by(query, COLUMNS)
    try:
        rows = rank(question_of(asked), order=Order(column.order), reverse=reverse)
    except TooMuchToCount:
        return {"stopped_after": LIMIT.seconds}
    page = cut_ranking(rows, limit=ROWS, cursor=read_cursor(query))
    return {
        "page": page,
        "rows": with_last_seen(page.rows, now=asked.now),
        "known": len(rows),
        "columns": heads_of(query, COLUMNS, column, reverse=reverse),
    }


def question_of(asked: Asked) -> Question:
    return ask(service_ids=[service.id for service in asked.services], asked=asked.filter, now=asked.now)


# --- One endpoint ------------------------------------------------------------------------------------------


@require_safe
def endpoint(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    tidy = redirect_to_tidy(request)
    if tidy is not None:
        return tidy
    actor, now = page_actor(request), timezone.now()
    found = reach_endpoint(actor, endpoint_id)
    if found.merged_into_id is not None:
        return redirect("pages:endpoint", found.merged_into_id)
    last_seen_at = last_seen(found, now=now)
    asked = asked_of(request.GET, actor, found, last_seen_at, now=now)
    context = page_context(request, asked) | {
        "endpoint": found,
        "last_seen_at": last_seen_at,
        "issues": unresolved_of(found.id),
        "reported": reported_at(found, now=now),
        "may_manage": actor.may(Scope.MANAGE, found.service.organization_id),
    }
    if asked.is_valid:
        context |= told(asked, found)
    return respond(request, context, whole="endpoints/detail.html", part="endpoints/_detail.html")


def reach_endpoint(actor: Actor, endpoint_id: UUID) -> Endpoint:
    """The endpoint, when the actor may see its service. Raises Http404."""
    visible = Endpoint.objects.filter(service__in=Service.objects.visible_to(actor))
    endpoint = visible.select_related("service").filter(id=endpoint_id).first()
    if endpoint is None:
        raise Http404("There is no such endpoint, or it belongs to another organization.")
    return endpoint


def last_seen(endpoint: Endpoint, *, now: datetime) -> datetime | None:
    return last_calls([endpoint], now=now).get(endpoint.id)


def asked_of(
    query: QueryDict, actor: Actor, endpoint: Endpoint, last_seen_at: datetime | None, *, now: datetime
) -> Asked:
    """What the address asks about this endpoint; without a window, the shortest that holds its last call."""
    if not any(query.get(name) for name in (*WINDOW_NAMES, "window")):
        query = query.copy()
        query["window"] = preset_that_reaches(last_seen_at, now=now).word
    asked = read_address(query, actor, now=now, filter_class=EndpointFilter)
    # Not in the page's own query: the path says it.
    data = {**dict(asked.filter.data.items()), "endpoint_id": str(endpoint.id)}
    narrowed = OneEndpointFilter(data, queryset=asked.filter.queryset)
    return replace(asked, filter=narrowed, services=[endpoint.service])


def told(asked: Asked, endpoint: Endpoint) -> dict[str, Any]:
    """Everything the page tells, or after how many seconds it was given up."""
    question = question_of(asked)
    try:
        measured, _ = measure_for(question, exact_up_to=PARTS_EXACT_UP_TO)
        if not measured.total_requests:
            return {"measured": measured}
        step = step_for(question.since, max(min(question.until, asked.now), question.since))
        series = series_for(question, step=step)
    except TooMuchToCount:
        return {"stopped_after": LIMIT.seconds}
    logs_page = logs_of(asked, endpoint)
    deployments = deployments_shown(
        question.service_ids,
        since=question.since,
        until=question.until,
        environment=question.filters.get("environment", ""),
        filters=f"endpoint_id={endpoint.id}",
    )
    latencies = latencies_of(question, Family.ENDPOINT)
    return {
        "measured": measured,
        "logs_page": logs_page,
        "deployments": deployments,
        "callers": callers_of(question),
        "slowest": slowest_of(question, latencies),
        "spread": distribution(
            bins_of(latencies),
            chart_id="spread",
            title="Spread of latency",
            empty="No latency was reported in this window",
        ),
        **charts(
            asked, drawn(series.buckets, asked), step=step, jump=logs_page, markers=markers_of(deployments)
        ),
    }


def charts(
    asked: Asked, shown: Sequence[Bucket], *, step: timedelta, jump: str, markers: Sequence[Marker]
) -> dict[str, SafeString]:
    """Traffic, latency and errors along one axis."""
    axis = TimeAxis(start=shown[0].start, end=shown[-1].start + step, step=step, now=asked.now)
    return {
        "requests_chart": requests_chart(axis, shown, jump=jump, markers=markers),
        "latency_chart": latency_chart(axis, shown, jump=jump, markers=markers),
        "errors_chart": errors_chart(axis, shown, jump=jump, markers=markers),
    }


def errors_chart(
    axis: TimeAxis, buckets: Sequence[Bucket], *, jump: str, markers: Sequence[Marker]
) -> SafeString:
    shares = [bucket.errors / bucket.total if bucket.total else None for bucket in buckets]
    return lines(
        axis,
        [Series(name="Error rate", values=shares, css_class="series-5xx", is_error=True)],
        chart_id="errors",
        title="Errors",
        unit=Unit.SHARE,
        zoom=True,
        jump=jump,
        markers=markers,
    )


def logs_of(asked: Asked, endpoint: Endpoint) -> str:
    """The logs behind these numbers."""
    named = {"service_id": endpoint.service_id, "endpoint_id": endpoint.id}
    return reverse("pages:logs") + address_with(asked.query, named)
