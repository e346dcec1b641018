"""The metrics page: one window in numbers and over time."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.charts import (
    BarRow,
    Marker,
    TimeAxis,
    bar_list,
    lines,
    percentile_series,
    stacked_bars,
    status_series,
)
from monitor.deployments import deployments_shown, markers_of
from monitor.lib.addresses import address_with
from monitor.metrics.answer import LIMIT, TooMuchToCount, measure_for, series_for
from monitor.metrics.measure import NO_STATUS, Measurement
from monitor.metrics.question import ask
from monitor.metrics.series import Bucket, step_for
from monitor.search.asked import Asked, read_address
from monitor.search.filtering import filter_context, redirect_to_tidy, respond
from monitor.search.traffic import DRAWN_CLASSES

ANSWER_CLASSES = {"2": "series-2xx", "3": "series-3xx", "4": "series-4xx", "5": "series-5xx"}


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    tidy = redirect_to_tidy(request)
    if tidy is not None:
        return tidy
    asked = read_address(request.GET, page_actor(request), now=timezone.now())
    context = filter_context(request, asked) | {"section": "metrics"}
    if asked.is_valid:
        context |= numbers(asked)
    return respond(request, context, whole="metrics/metrics.html", part="metrics/_numbers.html")


def numbers(asked: Asked) -> dict[str, Any]:
    """The measurement and its charts, or after how many seconds they were given up."""
    logs_page = logs_with(asked)
    question = ask(service_ids=[service.id for service in asked.services], asked=asked.filter, now=asked.now)
    try:
        measured, _ = measure_for(question)
        if not measured.total_requests:
            return {"measured": measured}
        step = step_for(question.since, max(min(question.until, asked.now), question.since))
        series = series_for(question, step=step)
    except TooMuchToCount:
        return {"stopped_after": LIMIT.seconds}
    deployments = deployments_shown(
        question.service_ids,
        since=question.since,
        until=question.until,
        environment=question.filters.get("environment", ""),
    )
    markers = markers_of(deployments)
    shown = drawn(series.buckets, asked)
    axis = TimeAxis(start=shown[0].start, end=shown[-1].start + step, step=step, now=asked.now)
    return {
        "measured": measured,
        "logs_page": logs_page,
        "requests_chart": requests_chart(axis, shown, jump=logs_page, markers=markers),
        "latency_chart": latency_chart(axis, shown, jump=logs_page, markers=markers),
        "deployments": deployments,
        "method_bars": method_bars(measured, asked),
        "status_bars": status_bars(measured, asked),
    }


def drawn(buckets: Sequence[Bucket], asked: Asked) -> Sequence[Bucket]:
    """Without the empty steps ahead of now, which windows hold for senders whose clocks are ahead."""
    last = max(
        (index for index, bucket in enumerate(buckets) if bucket.total or bucket.start <= asked.now),
        default=0,
    )
    return buckets[: last + 1]


def requests_chart(
    axis: TimeAxis, buckets: Sequence[Bucket], *, jump: str, markers: Sequence[Marker] = ()
) -> SafeString:
    by_class = {
        name: [sum(bucket.by_class.get(each, 0) for each in classes) for bucket in buckets]
        for name, classes in DRAWN_CLASSES.items()
    }
    return stacked_bars(
        axis,
        status_series(by_class),
        chart_id="requests",
        title="Requests by status",
        zoom=True,
        jump=jump,
        markers=markers,
    )


def latency_chart(
    axis: TimeAxis, buckets: Sequence[Bucket], *, jump: str, markers: Sequence[Marker] = ()
) -> SafeString:
    percentiles = {
        "p50": [bucket.p50 for bucket in buckets],
        "p95": [bucket.p95 for bucket in buckets],
        "p99": [bucket.p99 for bucket in buckets],
    }
    return lines(
        axis,
        percentile_series(percentiles),
        chart_id="latency",
        title="Latency",
        empty="No latency was reported in this window",
        zoom=True,
        jump=jump,
        markers=markers,
    )


def method_bars(measured: Measurement, asked: Asked) -> SafeString:
    """The busiest method first; each leads to its logs."""
    rows = [
        BarRow(label=method, value=count, href=logs_with(asked, method=method))
        for method, count in sorted(measured.by_method.items(), key=lambda pair: -pair[1])
    ]
    return bar_list(rows, caption="By method")


def status_bars(measured: Measurement, asked: Asked) -> SafeString:
    """In the order of the codes, so that errors stand together; each leads to its logs."""
    rows = [
        BarRow(
            label="no answer" if status == NO_STATUS else status,
            value=count,
            href=None if status == NO_STATUS else logs_with(asked, status_code=status),
            css_class=ANSWER_CLASSES.get(status[0], "series-other") if len(status) == 3 else "series-other",
        )
        for status, count in measured.by_status.items()
    ]
    return bar_list(rows, caption="By status")


def logs_with(asked: Asked, **changes: str) -> str:
    """The logs behind these numbers: the same filters and the same window, spelled out."""
    window = {"window": asked.preset.word} if asked.preset else {}
    return reverse("pages:logs") + address_with(asked.query, {**window, **changes})
