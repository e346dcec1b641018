"""The pages of tags: the words that monitors carry, and who carries each."""

from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.errors import Conflict
from monitor.api.forms import sentences
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import Monitor, MonitorTag
from monitor.monitors.pages import MAX_CHOICES, reading_or_posting
from monitor.monitors.reach import reach_owned
from monitor.monitors.shared_api import renamed_as_asked, tag_as_asked
from monitor.monitors.shared_forms import TagForm, homes_of
from monitor.monitors.tags import carriers, remove_tag

ROWS_A_PAGE = 100


@reading_or_posting
def tags(request: HttpRequest) -> HttpResponse:
    """Every tag with how many carry it. A POST makes one."""
    actor = page_actor(request)
    if request.method == "POST":
        require(actor, Scope.MANAGE)
    form = TagForm(request.POST if request.method == "POST" else None, homes=homes_of(actor))
    if form.is_bound and form.is_valid():
        try:
            made = tag_as_asked(actor, dict(form.judge.validated_data))
        except (Conflict, ValidationError) as error:
            form.add_error(None, list(sentences(error.detail)))
        else:
            messages.success(request, f"{made.name} can be given to monitors.")
            return redirect("pages:monitor-tags")
    found = MonitorTag.objects.filter(organization__in=actor.organizations())
    page = cut_page(found.order_by("-id"), limit=ROWS_A_PAGE, cursor=read_cursor(request.GET))
    counts = carriers(page.rows)
    context = {
        "section": "monitors",
        "page": page,
        "rows": [(tag, counts[tag.id]) for tag in page.rows],
        "form": form,
    }
    return render(request, "monitors/tags.html", context, status=400 if form.errors else 200)


@reading_or_posting
def tag(request: HttpRequest, tag_id: UUID) -> HttpResponse:
    """One tag with the monitors that carry it. A POST renames it, on them too."""
    actor = page_actor(request)
    is_posted = request.method == "POST"
    found = reach_owned(MonitorTag.objects.all(), actor, tag_id, Scope.MANAGE if is_posted else Scope.READ)
    form = TagForm(
        request.POST if is_posted else None, instance=found, initial={"name": found.name}, homes=[]
    )
    if form.is_bound and form.is_valid():
        before = found.name
        try:
            renamed_as_asked(found, form.judge.validated_data["name"])
        except Conflict as error:
            form.add_error("name", list(sentences(error.detail["name"])))  # type: ignore[index, call-overload] # of a field
        else:
            messages.success(request, f"{before} is {found.name} now, on all monitors.")
            return redirect("pages:monitor-tags")
    context = {
        "section": "monitors",
        "tag": found,
        "form": form,
        "carriers": list(carried_by(actor, found)[:MAX_CHOICES]),
        "may_manage": actor.may(Scope.MANAGE, found.organization_id),
    }
    return render(request, "monitors/tag.html", context, status=400 if form.errors else 200)


def carried_by(actor: Actor, tag: MonitorTag) -> QuerySet[Monitor]:
    mine = Monitor.objects.visible_to(actor).filter(organization=tag.organization_id)
    return mine.filter(tags__contains=[tag.name]).only("id", "name").order_by("name", "id")


@reading_or_posting
def delete(request: HttpRequest, tag_id: UUID) -> HttpResponse:
    """Takes it off its monitors, too."""
    if request.method == "POST":
        found = reach_owned(MonitorTag.objects.all(), page_actor(request), tag_id, Scope.MANAGE)
        remove_tag(found)
        messages.success(request, f"{found.name} is removed, from its monitors too.")
    return redirect("pages:monitor-tags")
