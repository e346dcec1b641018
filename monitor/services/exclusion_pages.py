"""The page of what a service does not keep."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import reach_service
from monitor.lib.actors import Scope
from monitor.models import Service
from monitor.models.services import ExclusionKind
from monitor.services.exclusion_api import NewExclusionSerializer, reach_rule
from monitor.services.exclusions import USUAL, BadRule, add_rule, add_usual, remove_rule, rules_of


@require_http_methods(["GET", "HEAD", "POST"])
def exclusions(request: HttpRequest, service_id: UUID) -> HttpResponse:
    """The rules with what each dropped. A POST adds or removes one, as `action` says."""
    actor = page_actor(request)
    if request.method != "POST":
        return rule_page(request, reach_service(actor, service_id, Scope.READ))
    service = reach_service(actor, service_id, Scope.MANAGE)
    try:
        words = changed(request, service, by=actor.label)
    except BadRule as bad:
        return rule_page(request, service, status=400, wrong=str(bad))
    messages.success(request, words)
    return redirect("pages:service-exclusions", service_id)


def changed(request: HttpRequest, service: Service, *, by: str) -> str:
    """What was done, in words. Raises BadRule and Http404."""
    action = request.POST.get("action")
    if action == "remove":
        rule_id = uuid_or_none(request.POST.get("rule"))
        if rule_id is not None:
            remove_rule(reach_rule(service, rule_id))
        return "The rule is gone. Such requests are kept again within seconds."
    if action == "usual":
        added = add_usual(service, by=by)
        return f"{added} rule{'' if added == 1 else 's'} added."
    form = NewExclusionSerializer(data=request.POST.dict())
    if not form.is_valid():
        raise BadRule("Give a path, or a part of a user agent, of 256 characters at most.")
    rule = add_rule(service, by=by, **form.validated_data)
    return f"{rule.pattern} is not kept from now on."


def rule_page(request: HttpRequest, service: Service, *, status: int = 200, wrong: str = "") -> HttpResponse:
    rules = rules_of(service)
    there = {(each.rule.kind, each.rule.pattern) for each in rules}
    context = {
        "section": "services",
        "service": service,
        "rules": rules,
        "kinds": ExclusionKind.choices,
        "missing": sum((kind.value, pattern) not in there for kind, pattern in USUAL),
        "may_manage": page_actor(request).may(Scope.MANAGE, service.organization_id),
        "wrong": wrong,
        "sent": request.POST,
    }
    return render(request, "services/exclusions.html", context, status=status)
