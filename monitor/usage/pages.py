"""The page of what was used."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.charts import Series, TimeAxis, stacked_bars
from monitor.lib.actors import Actor
from monitor.models import Service
from monitor.models.usage import METRICS
from monitor.usage import flush_calls
from monitor.usage.asking import question_of
from monitor.usage.look import Question, Usage, look

DAY = timedelta(days=1)
WORDS = {
    "logs": "Logs kept",
    "bytes": "Bytes of bodies",
    "requests": "API calls",
    "replays": "Replays",
    "checks": "Checks of monitors",
    "deliveries": "Webhook attempts",
}
WINDOWS = (7, 30, 90, 365)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One metric: its sum, and its days as a chart."""

    name: str
    words: str
    total: int
    chart: SafeString
    # Words of a link to a rule on it, where rules can be: of which service, and beyond which day.
    alert: str = ""
    service_id: UUID | None = None
    highest: int = 0


@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """A chart for each metric, and a row for each key."""
    now, actor = timezone.now(), page_actor(request)
    problem = ""
    try:
        question = question_of(request.GET, now=now)
    except ValidationError as error:
        name, words = next(iter(error.detail.items()))  # type: ignore[union-attr] # raised with fields
        problem = f"{name}: {words[0] if isinstance(words, list) else words}"
        question = Question(since=now.date() - 29 * DAY, until=now.date() + DAY)
    flush_calls(now=now)
    days = look(replace(question, by=("day",)), actor)
    context = {
        "section": "usage",
        "problem": problem,
        "question": question,
        "last_day": question.until - DAY,
        "figures": figures_of(question, days, now=now, own=own_service_of(actor)),
        "keys": [
            (row, [(name, spoken(WORDS[name]), row.amounts.get(name, 0)) for name in METRICS])
            for row in look(replace(question, by=("key", "mode")), actor)
        ],
        "windows": [(days, now.date() - (days - 1) * DAY) for days in WINDOWS],
    }
    return render(request, "usage/usage.html", context)


def spoken(words: str) -> str:
    """As they stand within a line: `logs kept`, `API calls`."""
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


def own_service_of(actor: Actor) -> UUID | None:
    """The service that the calls of our own API are logs of, where the actor has one."""
    own = Service.objects.visible_to(actor, own=True).filter(is_own=True).values_list("id", flat=True)[:2]
    return own[0] if len(own) == 1 else None


def figures_of(
    question: Question, days: Sequence[Usage], *, now: datetime, own: UUID | None = None
) -> list[Figure]:
    """Rules watch requests that are kept as logs: those of services, and calls of our own API."""
    watched: dict[str, tuple[str, UUID | None]] = {"logs": ("Alert on many requests", None)}
    if own is not None:
        watched["requests"] = ("Alert on many calls", own)
    start, end = (datetime.combine(day, time.min, tzinfo=UTC) for day in (question.since, question.until))
    axis = TimeAxis(start=start, end=end, step=DAY, now=now)
    by_day = {row.day: row.amounts for row in days}
    figures = []
    for name in METRICS:
        values = [by_day.get(moment.date(), {}).get(name, 0) for moment in axis.starts]
        series = Series(name=WORDS[name], values=values, css_class="series-plain")
        chart = stacked_bars(
            axis, [series], chart_id=f"usage-{name}", title=f"{WORDS[name]} a day", empty="None in these days"
        )
        alert, service_id = watched.get(name, ("", None))
        figures.append(
            Figure(
                name=name,
                words=WORDS[name],
                total=sum(values),
                chart=chart,
                alert=alert,
                service_id=service_id,
                highest=max(values, default=0),
            )
        )
    return figures
