"""Save, change and remove views from the log table's page."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.forms import sentences
from monitor.api.paths import uuid_or_none
from monitor.models import Organization
from monitor.models.views import SavedView
from monitor.search.saved.api import home_of
from monitor.search.saved.keeping import NameTaken, change_view, keep_view, reach_view
from monitor.search.saved.menu import address_of

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])
MOST_NAME_CHARS = 128


@reading_or_posting
def save(request: HttpRequest) -> HttpResponse:
    """Keeps the search that the form carries, by the name it gives."""
    if request.method != "POST":
        return redirect("pages:logs")
    actor = page_actor(request)

    def keep() -> SavedView:
        return keep_view(
            actor,
            organization=home_of(actor, organization_in(request)),
            name=name_in(request),
            query=query_in(request),
            is_team=request.POST.get("is_team") == "true",
        )

    return told(request, keep, "“{}” is saved.")


@reading_or_posting
def change(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """Gives the view another name, or puts the search that is shown into it: as the form says."""
    if request.method != "POST":
        return redirect("pages:logs")
    view = reach_view(page_actor(request), view_id, "PATCH")

    def put() -> SavedView:
        fields = {"name": name_in(request)} if "name" in request.POST else {"query": query_in(request)}
        return change_view(view, **fields)

    return told(request, put, "“{}” is changed.")


@reading_or_posting
def remove(request: HttpRequest, view_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("pages:logs")
    view = reach_view(page_actor(request), view_id, "DELETE")
    view.delete()
    messages.success(request, f"“{view.name}” is removed.")
    return back(request)


def told(request: HttpRequest, act: Any, words: str) -> HttpResponse:
    """To the view that `act` gives; where it cannot, back to the search with the reason."""
    try:
        view = act()
    except NameTaken as taken:
        messages.error(request, str(taken))
    except ValidationError as invalid:
        problems: Any = invalid.detail
        # A list of sentences, or one, under each name.
        errors = [[each] if isinstance(each, str) else each for each in problems.values()]
        messages.error(request, " ".join(line for each in errors for line in sentences(each)))
    else:
        messages.success(request, words.format(view.name))
        return HttpResponseRedirect(address_of(view))
    return back(request)


def back(request: HttpRequest) -> HttpResponse:
    query = query_in(request)
    return HttpResponseRedirect(f"{redirect('pages:logs').url}{'?' if query else ''}{query}")


def name_in(request: HttpRequest) -> str:
    name = " ".join(request.POST.get("name", "").split())
    if not name:
        raise ValidationError({"name": "Give the view a name."})
    if len(name) > MOST_NAME_CHARS or "\x00" in name:
        raise ValidationError({"name": f"A name has at most {MOST_NAME_CHARS} characters."})
    return name


def organization_in(request: HttpRequest) -> Organization | None:
    """The one that is chosen, where there is a choice; `home_of` judges whether it may be."""
    chosen = uuid_or_none(request.POST.get("organization"))
    return Organization.objects.filter(id=chosen).first() if chosen else None


def query_in(request: HttpRequest) -> str:
    return request.POST.get("query", "").removeprefix("?")
