"""The pages of consumers: who calls, and what one of them does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from monitor.access.gate import page_actor
from monitor.api.keyset import read_cursor
from monitor.api.ranked import cut_ranking
from monitor.charts import TimeAxis
from monitor.consumers.api import reach_consumer
from monitor.consumers.forget import AlreadyForgotten, forget
from monitor.consumers.forms import ConsumerForm
from monitor.consumers.ranking import Chosen, ConsumerRow, Order, in_groups, last_calls, rank, told
from monitor.endpoints import EndpointFilter
from monitor.endpoints.pages import errors_chart
from monitor.issues.listing import issues_met_by
from monitor.lib.actors import Actor, Scope
from monitor.lib.addresses import address_with
from monitor.metrics import Measurement, Question, TooMuchToCount, ask, measure_for, series_for
from monitor.metrics.answer import LIMIT, PARTS_EXACT_UP_TO
from monitor.metrics.counted import counted_days
from monitor.metrics.heads import Column, heads_of, sorted_by
from monitor.metrics.newest import Part, parts_of_newest
from monitor.metrics.pages import drawn, latency_chart, requests_chart
from monitor.metrics.series import step_for
from monitor.models import Consumer, Endpoint
from monitor.search import LogFilter
from monitor.search.asked import WINDOW_NAMES, Asked, read_address
from monitor.search.filtering import redirect_to_tidy, respond
from monitor.search.presets import preset_that_reaches

ROWS = 50
ENDPOINTS = 12
MAX_GROUPS = 100
COLUMNS = (
    Column(order=Order.REQUESTS, words="Requests"),
    Column(order=Order.ERRORS, words="Failed"),
    Column(order=Order.ERROR_RATE, words="Errors"),
    Column(order=Order.FIRST_SEEN, words="First seen"),
)

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


class OneConsumerFilter(EndpointFilter):
    """EndpointFilter about one consumer."""

    consumer = LogFilter.declared_filters["consumer"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A number now and in the period of the same length before. `words` say the difference."""

    before: float | None
    words: str
    is_worse: bool = False


@require_safe
def consumers(request: HttpRequest) -> HttpResponse:
    tidy = redirect_to_tidy(request)
    if tidy is not None:
        return tidy
    actor = page_actor(request)
    asked = read_address(request.GET, actor, now=timezone.now(), filter_class=EndpointFilter)
    context = page_context(request, asked) | {
        "groups": groups_of(actor),
        "kept_names": [
            (name, request.GET.get(name))
            for name in ("window", "since", "until", "sort", "order", "hidden", "by")
        ],
    }
    if asked.is_valid:
        context |= listed(asked, request.GET, actor)
    return respond(request, context, whole="consumers/list.html", part="consumers/_rows.html")


def page_context(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    return {
        "section": "consumers",
        "asked": asked,
        "form": asked.filter.form,
        "path": request.path,
        "address": request.path + address_with(request.GET, {}).removesuffix("?"),
    }


def groups_of(actor: Actor) -> list[str]:
    named = Consumer.objects.visible_to(actor).remembered().exclude(group="")
    return list(named.order_by("group").values_list("group", flat=True).distinct()[:MAX_GROUPS])


def chosen_by(query: QueryDict) -> Chosen:
    return Chosen(
        group=query.get("group", "")[:64].replace("\x00", ""),
        text=query.get("text", "").strip()[:128].replace("\x00", ""),
        hidden=query.get("hidden") == "true",
    )


def question_of(asked: Asked) -> Question:
    return ask(service_ids=[service.id for service in asked.services], asked=asked.filter, now=asked.now)


def listed(asked: Asked, query: QueryDict, actor: Actor) -> dict[str, Any]:
    """A page of the ranking, or after how many seconds it was given up."""
    column, reverse = sorted_by(query, COLUMNS)
    question = question_of(asked)
    try:
        rows = rank(question, actor, chosen=chosen_by(query), order=Order(column.order), reverse=reverse)
        if query.get("by") == "group":
            return {"group_rows": in_groups(rows), **census(rows, question)}
        page = cut_ranking(rows, limit=ROWS, cursor=read_cursor(query))
        shown = told(page.rows, question)
    except TooMuchToCount:
        return {"stopped_after": LIMIT.seconds}
    return {
        "page": page,
        "rows": shown,
        **census(rows, question),
        "columns": heads_of(query, COLUMNS, column, reverse=reverse),
    }


def census(rows: Sequence[ConsumerRow], question: Question) -> dict[str, int | bool]:
    """How many called in the window: met for the first time, and known before.

    `is_counted` says that nobody is known, although clients counted requests.
    """
    new = sum(row.is_new for row in rows)
    return {
        "new": new,
        "returning": sum(bool(row.requests) for row in rows) - new,
        "known": len(rows),
        "is_counted": not rows and bool(counted_days(question.service_ids, question.since, question.until)),
    }


# --- One consumer ------------------------------------------------------------------------------------------


@reading_or_posting
def consumer(request: HttpRequest, consumer_id: UUID) -> HttpResponse:
    """One consumer. A POST renames, groups or hides it."""
    actor = page_actor(request)
    if request.method != "POST":
        tidy = redirect_to_tidy(request)
        found = reach_consumer(actor, consumer_id, Scope.READ)
        return tidy or consumer_page(request, found, ConsumerForm.of(found))
    found = reach_consumer(actor, consumer_id, Scope.MANAGE)
    form = ConsumerForm.of(found, request.POST)
    if found.forgotten_at is not None or not form.is_valid():
        return consumer_page(request, found, form, status=400)
    form.judge.save()
    messages.success(request, f"{found} is saved.")
    return redirect("pages:consumer", consumer_id)


@reading_or_posting
def forget_page(request: HttpRequest, consumer_id: UUID) -> HttpResponse:
    """Forgets the consumer, where its identifier was typed in to confirm that."""
    if request.method != "POST":
        return redirect("pages:consumer", consumer_id)
    actor = page_actor(request)
    found = reach_consumer(actor, consumer_id, Scope.MANAGE)
    if request.POST.get("identifier", "").strip() != found.identifier:
        messages.error(request, "Nothing was erased: the identifier that was typed is another one.")
        return redirect("pages:consumer", consumer_id)
    try:
        forget(found, asked_by=actor.label, now=timezone.now())
    except AlreadyForgotten:
        return redirect("pages:consumer", consumer_id)
    messages.success(request, "The consumer is forgotten. The receipt below says what was erased.")
    return redirect("pages:consumer", consumer_id)


def consumer_page(
    request: HttpRequest, found: Consumer, form: ConsumerForm, *, status: int = 200
) -> HttpResponse:
    actor, now = page_actor(request), timezone.now()
    asked = asked_of(request.GET, actor, found, now=now)
    context = page_context(request, asked) | {
        "consumer": found,
        "erasure": getattr(found, "erasure", None),
        "edit_form": form,
        "may_manage": actor.may(Scope.MANAGE, found.organization_id) and found.forgotten_at is None,
    }
    service_ids = [service.id for service in asked.services]
    context["issues"] = [] if found.forgotten_at else issues_met_by(found.id, service_ids)
    if asked.is_valid:
        context |= {"last_seen_at": last_calls([found.id], question_of(asked)).get(found.id)}
        context |= numbers(asked, found)
    response = respond(request, context, whole="consumers/detail.html", part="consumers/_detail.html")
    response.status_code = status
    return response


def asked_of(query: QueryDict, actor: Actor, found: Consumer, *, now: datetime) -> Asked:
    """What the address asks about this consumer; without a window, the shortest that holds its last call."""
    if not any(query.get(name) for name in (*WINDOW_NAMES, "window")):
        everything = read_address(query, actor, now=now, filter_class=EndpointFilter)
        seen = last_calls([found.id], question_of(everything)).get(found.id) if everything.is_valid else None
        query = query.copy()
        query["window"] = preset_that_reaches(seen, now=now).word
    asked = read_address(query, actor, now=now, filter_class=EndpointFilter)
    data = {**dict(asked.filter.data.items()), "consumer": found.identifier}
    services = [each for each in asked.services if each.organization_id == found.organization_id]
    logs = asked.filter.queryset.of_services([service.id for service in services])
    return replace(asked, filter=OneConsumerFilter(data, queryset=logs), services=services)


def numbers(asked: Asked, found: Consumer) -> dict[str, Any]:
    """What the consumer did in the window, held against the period before it."""
    question = question_of(asked)
    try:
        measured, _ = measure_for(question, exact_up_to=PARTS_EXACT_UP_TO)
        if not measured.total_requests:
            return {"measured": measured}
        before, _ = measure_for(period_before(asked, question), exact_up_to=PARTS_EXACT_UP_TO)
        step = step_for(question.since, max(min(question.until, asked.now), question.since))
        series = series_for(question, step=step)
    except TooMuchToCount:
        return {"stopped_after": LIMIT.seconds}
    logs_page = reverse("pages:logs") + address_with(asked.query, {"consumer": found.identifier})
    shown = drawn(series.buckets, asked)
    axis = TimeAxis(start=shown[0].start, end=shown[-1].start + step, step=step, now=asked.now)
    parts = parts_of_newest(question, "endpoint_id")
    return {
        "measured": measured,
        "changes": changes(measured, before),
        "logs_page": logs_page,
        "requests_chart": requests_chart(axis, shown, jump=logs_page),
        "latency_chart": latency_chart(axis, shown, jump=logs_page),
        "errors_chart": errors_chart(axis, shown, jump=logs_page, markers=()),
        "endpoints": named(parts[:ENDPOINTS]),
        "more_endpoints": max(len(parts) - ENDPOINTS, 0),
        "counted": sum(part.requests for part in parts),
    }


def period_before(asked: Asked, question: Question) -> Question:
    """The same question about the period of the same length right before the window."""
    length = min(question.until, asked.now) - question.since
    data = {
        **dict(asked.filter.data.items()),
        "since": (question.since - length).isoformat(),
        "until": question.since.isoformat(),
    }
    earlier = OneConsumerFilter(data, queryset=asked.filter.queryset)
    earlier.is_valid()
    return ask(service_ids=question.service_ids, asked=earlier, now=asked.now)


def changes(now: Measurement, before: Measurement) -> Mapping[str, Change]:
    if not before.total_requests:
        return {"requests": Change(before=None, words="none in the period before")}
    relative = now.total_requests / before.total_requests - 1
    points = (now.error_rate - before.error_rate) * 100
    told_changes = {
        "requests": Change(
            before=before.total_requests,
            words=f"{100 * relative:+.0f} % against {before.total_requests:,} before",
        ),
        "error_rate": Change(
            before=before.error_rate,
            words=f"{points:+.2f} points against {100 * before.error_rate:.2f} % before",
            is_worse=points > 0,
        ),
    }
    if now.p95_latency_ms is not None and before.p95_latency_ms:
        slower = now.p95_latency_ms / before.p95_latency_ms - 1
        told_changes["p95"] = Change(
            before=before.p95_latency_ms,
            words=f"{100 * slower:+.0f} % against {before.p95_latency_ms:,.0f} ms before",
            is_worse=slower > 0,
        )
    return told_changes


def named(parts: Sequence[Part]) -> list[tuple[Endpoint | None, Part]]:
    endpoints = Endpoint.objects.select_related("service").in_bulk([part.id for part in parts if part.id])
    return [(endpoints.get(part.id) if part.id else None, part) for part in parts]
