"""The page that tells managers how the installation itself is doing."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.api.permissions import require
from monitor.charts import BarRow, Series, TimeAxis, bar_list, stacked_bars
from monitor.charts.scales import Unit
from monitor.health.flushing import flush
from monitor.health.report import CHART_WINDOW, Report, look
from monitor.lib.actors import Scope

MINUTE = timedelta(minutes=1)


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Ingest rate, queue, disk, workers, retention, and what needs a hand."""
    require(page_actor(request), Scope.MANAGE)
    now = timezone.now()
    flush(now=now)
    report = look(now=now)
    context = {
        "section": "health",
        "report": report,
        "rate_chart": rate_chart(report),
        "rejected_bars": rejected_bars(report),
    }
    return render(request, "health/health.html", context)


def rate_chart(report: Report) -> SafeString:
    until = report.now.replace(second=0, microsecond=0) + MINUTE
    axis = TimeAxis(start=until - CHART_WINDOW, end=until, step=MINUTE, now=report.now)
    values = [report.logs_by_minute.get(start, 0) for start in axis.starts]
    series = Series(name="logs", values=values, css_class="series-plain")
    return stacked_bars(
        axis, [series], chart_id="ingest", title="Logs kept a minute", empty="No log in the last hour"
    )


def rejected_bars(report: Report) -> SafeString:
    rows = [BarRow(label=reason, value=times) for reason, times in report.rejected.items()]
    return bar_list(
        rows,
        caption="Refused in the last hour",
        unit=Unit.COUNT,
        empty="Nothing was refused.",
    )
