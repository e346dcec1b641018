"""The pages of alerts: the rules, and each one's events."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.alerts.api import reach_rule
from monitor.alerts.definitions import CONDITION
from monitor.alerts.ending import remove_rule
from monitor.alerts.forms import NewRuleForm, RuleForm
from monitor.alerts.judge import mark_mended
from monitor.alerts.states import begin_anew, with_states
from monitor.alerts.told import told_of
from monitor.alerts.window_pages import show_window_rule
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import reach_service, require
from monitor.lib.actors import Actor, Scope
from monitor.metrics.tiles import floor
from monitor.models import AlertBudget, AlertEvent, AlertRule, RequestLog, Service
from monitor.models.alerts import RuleKind

HOUR = timedelta(hours=1)
RECENT = timedelta(hours=24)
ROWS_A_PAGE = 50
# More do not fit a choice; the others' rules are made from their own pages, which name them.
MAX_CHOICES = 500

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


@reading_or_posting
def alerts(request: HttpRequest) -> HttpResponse:
    """Every rule with what it did lately, and the form that makes one."""
    actor = page_actor(request)
    if request.method != "POST":
        return rule_list(request, actor, blank_form(request, actor))
    require(actor, Scope.MANAGE)
    form = NewRuleForm(request.POST, services=manageable(actor), auto_id="rule_%s")
    if not form.is_valid():
        return rule_list(request, actor, form, status=400)
    service = reach_service(actor, form.judge.validated_data["service_id"], Scope.MANAGE)
    rule = form.judge.save(service=service)
    messages.success(request, f"{rule.name} watches {service.name} from now on.")
    return redirect("pages:alert", rule.id)


def manageable(actor: Actor) -> list[Service]:
    return list(Service.objects.within_reach_of(actor, Scope.MANAGE).in_order_of_choice()[:MAX_CHOICES])


def blank_form(request: HttpRequest, actor: Actor) -> NewRuleForm:
    """The form as it opens: what the address says, else server errors of the page's service."""
    initial = {
        "service_id": request.GET.get("service_id", ""),
        "condition_operator": ">=",
        "condition_value": "500",
        **{name: request.GET[name][:64] for name in CONDITION if name in request.GET},
    }
    services = manageable(actor) if actor.may(Scope.MANAGE) else []
    return NewRuleForm(services=services, initial=initial, auto_id="rule_%s")


def rule_list(request: HttpRequest, actor: Actor, form: NewRuleForm, *, status: int = 200) -> HttpResponse:
    rules = with_states(AlertRule.objects.visible_to(actor).select_related("service", "endpoint"))
    of_service = uuid_or_none(request.GET.get("service_id"))
    if of_service is not None:
        rules = rules.filter(service_id=of_service)
    page = cut_page(
        rules.with_activity(timezone.now() - RECENT), limit=ROWS_A_PAGE, cursor=read_cursor(request.GET)
    )
    context = {
        "page": page,
        "form": form,
        "has_services": bool(form.fields["service_id"].choices),  # type: ignore[attr-defined] # a ChoiceField
        "shows_one_service": of_service is not None,
        "is_prefilled": any(name in request.GET for name in CONDITION),
        "held": held_back(actor),
    }
    return render(request, "alerts/list.html", context, status=status)


def held_back(actor: Actor) -> int:
    """How many notices this hour's budget has kept back so far."""
    budgets = AlertBudget.objects.filter(
        organization__in=actor.organizations(), hour=floor(timezone.now(), HOUR), held__gt=0
    )
    return sum(budgets.values_list("held", flat=True))


@reading_or_posting
def alert(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """One rule with its events. A POST changes it."""
    actor = page_actor(request)
    if request.method != "POST":
        rule = reach_rule(actor, alert_id, Scope.READ)
        if rule.kind != RuleKind.LOG:
            return show_window_rule(request, actor, rule)
        return rule_page(request, rule, RuleForm.of(rule))
    rule = reach_rule(actor, alert_id, Scope.MANAGE)
    if rule.kind != RuleKind.LOG:
        return show_window_rule(request, actor, rule)
    form = RuleForm.of(rule, request.POST)
    if not form.is_valid():
        return rule_page(request, rule, form, status=400)
    mark_mended(form.judge.save())
    messages.success(request, "The rule is saved. It holds for requests from now on.")
    return redirect("pages:alert", alert_id)


def rule_page(request: HttpRequest, rule: AlertRule, form: RuleForm, *, status: int = 200) -> HttpResponse:
    page = cut_page(AlertEvent.objects.filter(rule=rule), limit=ROWS_A_PAGE, cursor=read_cursor(request.GET))
    # By their ids, which carry their day: only those days are looked into.
    logs = RequestLog.objects.in_bulk([event.log_id for event in page.rows if event.log_id])
    activity = AlertRule.objects.filter(id=rule.id).with_activity(timezone.now() - RECENT).get()
    context = {
        "section": "alerts",
        "rule": activity,
        "service": rule.service,
        "may_manage": page_actor(request).may(Scope.MANAGE, rule.service.organization_id),
        "page": page,
        "events": [(event, logs.get(event.log_id)) for event in page.rows],
        "told": told_of(rule),
        "form": form,
    }
    return render(request, "alerts/detail.html", context, status=status)


@reading_or_posting
def pause(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """Pauses the rule, or lets a paused one go on: as `is_active` in the form says."""
    if request.method == "POST":
        rule = reach_rule(page_actor(request), alert_id, Scope.MANAGE)
        rule.is_active = request.POST.get("is_active") == "true"
        rule.save(update_fields=["is_active"])
        begin_anew(rule, (), now=timezone.now())
        messages.success(request, f"{rule.name} {'watches again' if rule.is_active else 'is paused'}.")
    return redirect("pages:alert", alert_id)


@reading_or_posting
def delete(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:alert", alert_id)
    rule = reach_rule(page_actor(request), alert_id, Scope.MANAGE)
    remove_rule(rule, now=timezone.now())
    messages.success(request, f"{rule.name} and its events are gone.")
    return redirect("pages:alerts")
