"""Pages that keep alerts quiet: an acknowledgement, a silence of a rule, maintenance of a service."""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods

from monitor.access.gate import page_actor
from monitor.alerts.api import reach_rule
from monitor.alerts.quiet import (
    MAX_ACKNOWLEDGED,
    BadSilence,
    acknowledge,
    end_silence,
    make_silence,
    reach_silence,
)
from monitor.api.paths import uuid_or_none
from monitor.api.permissions import reach_service
from monitor.lib.actors import Actor, Scope
from monitor.models import AlertSilence, Service

ROWS = 50
MAX_CHOICES = 500
SILENCES = ((3600, "1 hour"), (4 * 3600, "4 hours"), (24 * 3600, "a day"), (7 * 24 * 3600, "a week"))

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


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
