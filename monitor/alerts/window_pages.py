"""Pages of rules over windows: made by a sentence, tried on the last days, shown with what they saw."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.alerts.objectives import ObjectiveNow, objective_now
from monitor.alerts.silence_pages import SILENCES
from monitor.alerts.states import begin_anew, state_of
from monitor.alerts.told import told_of
from monitor.alerts.tried import tried, worth
from monitor.alerts.usual import MAX_GROUPS
from monitor.alerts.window_forms import KIND_WORDS, WindowRuleForm
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import reach_service, require
from monitor.lib.actors import Actor, Scope
from monitor.lib.addresses import address_with
from monitor.lib.time_limit import TookTooLong
from monitor.models import AlertEvaluation, AlertEvent, AlertGroup, AlertRule, AlertSilence, Endpoint, Service
from monitor.models.alerts import EventKind, RuleKind

ROWS = 50
MAX_CHOICES = 500
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
