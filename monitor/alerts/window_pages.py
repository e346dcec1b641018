"""Pages of rules over windows: made by a sentence, tried on the last days, shown with what they saw."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.alerts.api import reach_rule
from monitor.alerts.backtest import CannotTry, back_test
from monitor.alerts.conditions import BadCondition
from monitor.alerts.kinds import Judgement
from monitor.alerts.objectives import ObjectiveNow, objective_now
from monitor.alerts.quiet import (
    MAX_ACKNOWLEDGED,
    BadSilence,
    acknowledge,
    end_silence,
    make_silence,
    reach_silence,
)
from monitor.alerts.states import begin_anew, state_of
from monitor.alerts.told import told_of
from monitor.alerts.trial import BackTest, Point, badness, extremes
from monitor.alerts.usual import MAX_GROUPS
from monitor.alerts.window_forms import KIND_WORDS, WindowRuleForm
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import reach_service, require
from monitor.charts import Series, Threshold, TimeAxis, Unit, lines
from monitor.lib.actors import Actor, Scope
from monitor.lib.addresses import address_with
from monitor.lib.time_limit import TookTooLong
from monitor.metrics import TooMuchToCount
from monitor.metrics.tiles import floor
from monitor.models import AlertEvaluation, AlertEvent, AlertGroup, AlertRule, AlertSilence, Endpoint, Service
from monitor.models.alerts import OF_NOTHING, Direction, EventKind, Measure, RuleKind, value_text

ROWS = 50
MAX_CHOICES = 500
CHART_STEP = timedelta(hours=1)
# As many groups as lines can be told apart; the worst ones.
LINES = ("series-p95", "series-p50", "series-p99", "series-p75", "series-plain")
SHARES = frozenset({Measure.ERROR_RATE, Measure.STATUS_SHARE, Measure.SLOW_SHARE})
LATENCIES = frozenset({Measure.P50, Measure.P95, Measure.P99})
# What "alert on this" may say in an address.
PREFILLED = (
    "measure",
    "status_class",
    "apdex_ms",
    "direction",
    "threshold",
    "window_s",
    "for_s",
    "min_requests",
    "deviations",
    "endpoint_id",
    "consumer",
    "environment",
    "tag",
    "per",
    "name",
)
SILENCES = ((3600, "1 hour"), (4 * 3600, "4 hours"), (24 * 3600, "a day"), (7 * 24 * 3600, "a week"))

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, kw_only=True)
class KindLink:
    kind: str
    words: str
    address: str
    is_current: bool


# --- Making ------------------------------------------------------------------------------------------------


@reading_or_posting
def new_rule(request: HttpRequest) -> HttpResponse:
    """The form of a rule, for the service and kind in the address. A POST tries it or saves it."""
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    services = list(Service.objects.within_reach_of(actor, Scope.MANAGE).in_order_of_choice()[:MAX_CHOICES])
    asked = uuid_or_none(request.GET.get("service_id"))
    if asked is None and len(services) == 1:
        asked = services[0].id
    if asked is None:
        said = [(name, request.GET[name]) for name in ("kind", *PREFILLED) if name in request.GET]
        context = {"section": "alerts", "services": services, "said": said}
        return render(request, "alerts/choose.html", context)
    service = reach_service(actor, asked, Scope.MANAGE)
    kind = request.GET.get("kind", "")
    kind = kind if kind in KIND_WORDS else RuleKind.METRIC.value
    page: dict[str, Any] = {
        "section": "alerts",
        "service": service,
        "kind": kind,
        "kinds": kind_links(request.GET, kind),
        "address": request.get_full_path(),
    }
    if request.method != "POST":
        form = WindowRuleForm(service=service, kind=kind, initial=prefilled(request.GET), auto_id="rule_%s")
        return render(request, "alerts/new.html", {**page, "form": form})
    form = WindowRuleForm(request.POST, service=service, kind=kind, auto_id="rule_%s")
    if not form.is_valid():
        return render(request, "alerts/new.html", {**page, "form": form}, status=400)
    if request.POST.get("do") == "try":
        return render(request, "alerts/new.html", {**page, "form": form, **tried(form.draft())})
    rule = form.judge.save(service=service)
    messages.success(request, f"{rule.name} watches {service.name} from now on.")
    return redirect("pages:alert", rule.id)


def kind_links(query: QueryDict, current: str) -> list[KindLink]:
    path = reverse("pages:alert-new")
    return [
        KindLink(
            kind=kind,
            words=words,
            address=path + address_with(query, {"kind": kind}),
            is_current=kind == current,
        )
        for kind, words in KIND_WORDS.items()
    ]


def prefilled(query: QueryDict) -> dict[str, Any]:
    """What the address says of the rule; the form's own first words for all else."""
    said: dict[str, Any] = {name: query[name] for name in PREFILLED if query.get(name)}
    for name in ("window_s", "for_s"):
        text = str(said.get(name, "0"))
        if not (text.isascii() and text.isdigit() and len(text) < 9):
            del said[name]
        elif name in said:
            said[name] = int(said[name])
    return said


def tried(rule: AlertRule) -> dict[str, Any]:
    """The back-test of a rule for its page; nothing for a kind that cannot be tried."""
    now = timezone.now()
    try:
        tested = back_test(rule, now=now)
    except CannotTry:
        return {}
    except (TooMuchToCount, BadCondition) as error:
        return {"tested_error": str(error)}
    return {
        "tested": tested,
        "tested_chart": chart_of(rule, tested, now=now),
        "firings": [
            (firing, worth(rule, firing.value), length_of(firing.start, firing.end or now))
            for firing in tested.firings[:ROWS]
        ],
        "tested_has_band": any(
            point.judgement.band and point.judgement.band.low is not None
            for walked in tested.points.values()
            for point in walked
        ),
        "has_groups": any(firing.group for firing in tested.firings),
    }


def worth(rule: AlertRule, value: float | None) -> str:
    """A value of the rule in words."""
    if rule.kind == RuleKind.SLO:
        return "nothing" if value is None else f"{value:.3g}\N{MULTIPLICATION SIGN}"
    return value_text(rule.measure or Measure.REQUEST_COUNT, value)


def length_of(start: datetime, end: datetime) -> str:
    minutes = max(int((end - start).total_seconds()) // 60, 1)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def chart_of(rule: AlertRule, tested: BackTest, *, now: datetime) -> SafeString:
    """The worst value of each hour, with the threshold or the band of what is usual as lines."""
    # The last judgement may be of a whole hour, and then begins one of its own.
    start, end = floor(tested.since, CHART_STEP), floor(tested.until, CHART_STEP) + CHART_STEP
    axis = TimeAxis(start=start, end=end, step=CHART_STEP, now=now)
    unit, scale = unit_of(rule)
    drawn = worst_groups(rule, tested.points)
    worst = {name: extremes(rule, tested.points[name], axis.starts, CHART_STEP) for name in drawn}
    series = [
        Series(
            name=name or "All",
            values=[None if one is None or one.value is None else one.value * scale for one in worst[name]],
            css_class=css_class,
        )
        for name, css_class in zip(drawn, LINES, strict=False)
    ]
    return lines(
        axis,
        [*series, *(band_series(worst[drawn[0]], scale) if drawn else ())],
        chart_id="back-test-chart",
        title=f"{rule.condition[:1].upper()}{rule.condition[1:]}: {side_of(rule)} of each hour",
        unit=unit,
        empty="Nothing was measured in these days",
        threshold=threshold_of(rule, scale),
    )


def band_series(judgements: Sequence[Judgement | None], scale: float) -> list[Series]:
    """What was usual, of the group that is drawn first."""
    bands = [one.band if one else None for one in judgements]
    if not any(band and band.low is not None for band in bands):
        return []
    ends = (("usual, highest", "high"), ("usual, lowest", "low"))
    return [
        Series(
            name=words,
            values=[
                None if band is None or (value := getattr(band, name)) is None else value * scale
                for band in bands
            ],
            css_class="series-band",
        )
        for words, name in ends
    ]


def threshold_of(rule: AlertRule, scale: float) -> Threshold | None:
    if rule.kind == RuleKind.SLO:
        return Threshold(value=1.0, label=f"1\N{MULTIPLICATION SIGN}: used up in {rule.period_days} days")
    if rule.threshold is None:
        return None
    return Threshold(value=rule.threshold * scale, label=worth(rule, rule.threshold))


def side_of(rule: AlertRule) -> str:
    """What an hour is shown by."""
    if rule.kind == RuleKind.LOG or rule.is_of_news:
        return "how many"
    if rule.direction == Direction.BOTH:
        return "the most unusual"
    return "the lowest" if rule.direction == Direction.BELOW or rule.kind in OF_NOTHING else "the highest"


def worst_groups(rule: AlertRule, points: Mapping[str, Sequence[Point]]) -> list[str]:
    worst = {
        name: max((badness(rule, point.judgement) for point in walked), default=-inf)
        for name, walked in points.items()
    }
    known = sorted((name for name in worst if worst[name] > -inf), key=lambda name: -worst[name])
    return (known or list(points))[: len(LINES)]


def unit_of(rule: AlertRule) -> tuple[Unit, float]:
    """The unit of the rule's chart, and what its values are multiplied with for it."""
    if rule.measure in SHARES and rule.kind != RuleKind.SLO:
        return Unit.SHARE, 0.01
    return (Unit.MILLISECONDS if rule.measure in LATENCIES else Unit.COUNT), 1.0


# --- One rule ----------------------------------------------------------------------------------------------


def window_rule_page(
    request: HttpRequest,
    actor: Actor,
    rule: AlertRule,
    form: WindowRuleForm,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """How the rule stands, the last days with its threshold, how it came there, and its form."""
    now = timezone.now()
    groups = list(rule.groups.order_by("-fired_at", "label")[: 2 * MAX_GROUPS])
    silences = [
        silence
        for silence in AlertSilence.objects.active(now).filter(organization=rule.service.organization_id)
        if silence.service_id in (None, rule.service_id) and silence.rule_id in (None, rule.id)
    ]
    context = {
        "section": "alerts",
        "rule": rule,
        "state": state_of(rule),
        "service": rule.service,
        "may_manage": actor.may(Scope.MANAGE, rule.service.organization_id),
        "groups": [(group, worth(rule, group.value), usual_of(rule, group)) for group in groups],
        "open_groups": [group for group in groups if group.fired_at is not None],
        "events": with_links(rule, AlertEvent.objects.filter(rule=rule).order_by("-id")[:ROWS]),
        "evaluations": [
            (each, worth(rule, each.value))
            for each in AlertEvaluation.objects.filter(rule_id=rule.id).order_by("-id")[:ROWS]
        ],
        "told": told_of(rule),
        "silences": silences,
        "silence_lengths": SILENCES,
        "objective": objective_of(rule, now=now),
        "form": form,
        **(more or tried(rule)),
    }
    return render(request, "alerts/window.html", context, status=status)


def usual_of(rule: AlertRule, group: AlertGroup) -> str:
    """The band that the group was held against last; empty where there was none."""
    if group.usual_low is None or group.usual_high is None:
        return ""
    return f"{worth(rule, group.usual_low)} to {worth(rule, group.usual_high)}"


def objective_of(rule: AlertRule, *, now: datetime) -> ObjectiveNow | None:
    """Null for all other kinds, and where counting it takes too long for a page."""
    if rule.kind != RuleKind.SLO:
        return None
    try:
        return objective_now(rule, now=now)
    except TookTooLong:
        return None


def with_links(rule: AlertRule, events: Iterable[AlertEvent]) -> list[tuple[AlertEvent, str]]:
    """Each event with the page of what it tells of, where that is neither a window nor a log."""
    listed = list(events)
    if not rule.is_of_news:
        return [(event, "") for event in listed]
    routes = {event.group.partition(" ")[2] for event in listed}
    endpoints = Endpoint.objects.filter(service=rule.service_id, route__in=routes)
    found = {str(endpoint): endpoint.id for endpoint in endpoints}
    if rule.kind == RuleKind.NEW_ERROR:
        issues = reverse("pages:issues")
        links = {name: f"{issues}?{urlencode({'endpoint_id': id_})}" for name, id_ in found.items()}
    else:
        links = {name: reverse("pages:endpoint", args=[id_]) for name, id_ in found.items()}
    return [(event, links.get(event.group, "") if event.kind == EventKind.NEWS else "") for event in listed]


def show_window_rule(request: HttpRequest, actor: Actor, rule: AlertRule) -> HttpResponse:
    """The page of a rule over a window. A POST tries or saves a change."""
    if request.method != "POST":
        return window_rule_page(request, actor, rule, WindowRuleForm.of(rule))
    form = WindowRuleForm.of(rule, request.POST)
    if not form.is_valid():
        return window_rule_page(request, actor, rule, form, status=400)
    if request.POST.get("do") == "try":
        return window_rule_page(request, actor, rule, form, is_draft=True, **tried(form.draft()))
    saved = form.judge.save(last_error="", last_error_at=None)
    changed = {name for name in form.changed_data if name in form.judge.validated_data}
    begin_anew(saved, changed, now=timezone.now())
    messages.success(request, "The rule is saved. The next minute is judged by it.")
    return redirect("pages:alert", rule.id)


@reading_or_posting
def acknowledge_rule(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """Takes what fires as known for so many seconds."""
    if request.method == "POST":
        actor = page_actor(request)
        rule = reach_rule(actor, alert_id, Scope.MANAGE)
        until = timezone.now() + seconds_asked(request.POST, at_most=MAX_ACKNOWLEDGED)
        count = acknowledge(rule, group=None, until=until, by=actor.label)
        words = f"Acknowledged until {until:%Y-%m-%d %H:%M} UTC." if count else "Nothing fires at present."
        messages.success(request, words)
    return redirect("pages:alert", alert_id)


@reading_or_posting
def silence_rule(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """Silences the rule, or one of its groups, for so many seconds."""
    if request.method == "POST":
        actor, now = page_actor(request), timezone.now()
        rule = reach_rule(actor, alert_id, Scope.MANAGE)
        said = {
            "service_id": rule.service_id,
            "rule_id": rule.id,
            "group": request.POST.get("group", "")[:300],
            "reason": request.POST.get("reason", "")[:512],
            "ends_at": now + seconds_asked(request.POST, at_most=timedelta(days=7)),
        }
        silence = make_silence(
            organization_id=rule.service.organization_id, said=said, made_by=actor.label, now=now
        )
        messages.success(request, f"{rule.name} is silent until {silence.ends_at:%Y-%m-%d %H:%M} UTC.")
    return redirect("pages:alert", alert_id)


def seconds_asked(posted: QueryDict, *, at_most: timedelta) -> timedelta:
    """The length that was chosen; an hour for what is none."""
    text = posted.get("seconds", "")
    is_number = text.isascii() and text.isdigit() and len(text) < 9
    length = timedelta(seconds=int(text)) if is_number else timedelta()
    return length if timedelta() < length <= at_most else timedelta(hours=1)


# --- Silences ----------------------------------------------------------------------------------------------


@reading_or_posting
def silences(request: HttpRequest) -> HttpResponse:
    """Silences that hold or will, and the form of maintenance. A POST makes one."""
    actor, now = page_actor(request), timezone.now()
    problem = ""
    if request.method == "POST":
        try:
            maintain(actor, request.POST, now=now)
        except BadSilence as error:
            problem = str(error)
        else:
            messages.success(request, "The silence is made.")
            return redirect("pages:alert-silences")
    manageable = Service.objects.within_reach_of(actor, Scope.MANAGE).in_order_of_choice()[:MAX_CHOICES]
    listed = (
        AlertSilence.objects.visible_to(actor).select_related("service", "rule").order_by("-ends_at", "-id")
    )
    context = {
        "section": "alerts",
        "now": now,
        "silences": listed[:ROWS],
        "services": manageable if actor.may(Scope.MANAGE) else [],
        "problem": problem,
        "said": request.POST,
    }
    return render(request, "alerts/silences.html", context, status=400 if problem else 200)


def maintain(actor: Actor, posted: QueryDict, *, now: datetime) -> AlertSilence:
    """A silence of a service as the form says. Raises BadSilence."""
    service_id = uuid_or_none(posted.get("service_id"))
    if service_id is None:
        raise BadSilence("service_id", "Choose a service.")
    service = reach_service(actor, service_id, Scope.MANAGE)
    starts_at, ends_at = (moment_of(posted.get(name, "")) for name in ("starts_at", "ends_at"))
    if ends_at is None:
        raise BadSilence("ends_at", "Say when it ends.")
    said = {
        "service_id": service.id,
        "group": posted.get("group", "")[:300],
        "reason": posted.get("reason", "")[:512],
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
    return make_silence(organization_id=service.organization_id, said=said, made_by=actor.label, now=now)


def moment_of(text: str) -> datetime | None:
    """A moment as a browser writes it, in UTC."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return (
        moment if moment is None or moment.tzinfo else moment.replace(tzinfo=timezone.get_default_timezone())
    )


@reading_or_posting
def end(request: HttpRequest, silence_id: UUID) -> HttpResponse:
    if request.method == "POST":
        end_silence(reach_silence(page_actor(request), silence_id, Scope.MANAGE), now=timezone.now())
        messages.success(request, "The silence has ended.")
    return redirect("pages:alert-silences")
