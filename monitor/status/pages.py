"""The pages that manage status pages: the list, and the editor with its preview."""

import base64
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ValidationError

from monitor.access.gate import page_actor
from monitor.api.forms import SerializerForm
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.permissions import require
from monitor.lib.actors import Actor, Scope
from monitor.models import Monitor, MonitorBadge, StatusIncident, StatusPage
from monitor.models.status_pages import IncidentImpact, IncidentStatus, StatusTheme
from monitor.monitors.reach import reach_monitor
from monitor.status.api import (
    StatusIncidentSerializer,
    StatusPageSerializer,
    StatusUpdateSerializer,
    kept,
)
from monitor.status.badge_doors import addresses_of, new_badge
from monitor.status.places import Place
from monitor.status.register import MAX_LOGO_BYTES, open_incident, reach_page, remove_page, say, take_back
from monitor.status.rendering import page_context
from monitor.status.view import public_view

ROWS_A_PAGE = 50
MAX_CHOICES = 300
INCIDENTS_SHOWN = 10

reading_or_posting = require_http_methods(["GET", "HEAD", "POST"])


class StatusPageForm(SerializerForm):
    """Judged by the API's serializer. Monitors are rows: shown or not, group, name, order."""

    serializer_class = StatusPageSerializer

    name = forms.CharField(max_length=128)
    slug = forms.CharField(max_length=63, label="Address", help_text="The page is at /status/ and this.")
    domain = forms.CharField(max_length=253, required=False, help_text="As status.example.com.")
    description = forms.CharField(
        max_length=8192, required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="In Markdown."
    )
    theme = forms.ChoiceField(label="Colours", choices=StatusTheme.choices, initial=StatusTheme.AUTO)
    days = forms.IntegerField(label="Days shown", initial=90, min_value=7, max_value=90)
    logo_file = forms.FileField(label="Logo", required=False, help_text="PNG, JPEG, GIF or WebP; 200 KiB.")
    password = forms.CharField(
        max_length=128,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Readers are asked for it. Empty: as it is.",
    )
    no_password = forms.BooleanField(label="Take the password away", required=False)
    is_published = forms.BooleanField(label="Readers can open it", required=False, initial=True)
    shows_uptime = forms.BooleanField(label="Show uptime", required=False, initial=True)
    is_indexed = forms.BooleanField(label="Search engines may list it", required=False, initial=True)
    takes_subscribers = forms.BooleanField(label="Readers can subscribe", required=False, initial=True)
    css = forms.CharField(
        label="CSS",
        max_length=20_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="A file behind ours that loads nothing from elsewhere. The preview leaves it out.",
    )
    groups = forms.Field(required=False)

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        monitors = Monitor.objects.within_reach_of(actor, Scope.MANAGE).order_by("name", "id")
        if self.instance is not None:
            monitors = monitors.filter(organization=self.instance.organization_id)
        self.monitors = list(monitors.values_list("id", "name")[:MAX_CHOICES])

    @classmethod
    def of(
        cls, actor: Actor, page: StatusPage | None, data: Any = None, files: Any = None
    ) -> "StatusPageForm":
        names = ("name", "slug", "domain", "description", "theme", "days", "css")
        flags = ("is_published", "shows_uptime", "is_indexed", "takes_subscribers")
        initial = {} if page is None else {name: getattr(page, name) for name in (*names, *flags)}
        return cls(data, files, actor=actor, instance=page, initial=initial, auto_id="page_%s")

    def rows(self) -> list[dict[str, Any]]:
        """Every monitor, those that are shown first and in their order."""
        rows = [self._sent_row(id_, name) for id_, name in self.monitors] if self.is_bound else self._saved()
        return sorted(rows, key=lambda row: (not row["is_shown"], row["order"], row["monitor"]))

    def _saved(self) -> list[dict[str, Any]]:
        entries = (
            {} if self.instance is None else {each.monitor_id: each for each in self.instance.entries.all()}
        )
        return [
            {
                "id": str(id_),
                "monitor": name,
                "is_shown": id_ in entries,
                "group": entries[id_].group if id_ in entries else "",
                "name": entries[id_].name if id_ in entries else "",
                "order": entries[id_].position + 1 if id_ in entries else 999,
            }
            for id_, name in self.monitors
        ]

    def _sent_row(self, id_: UUID, name: str) -> dict[str, Any]:
        order = str(self.data.get(f"order_{id_}", ""))
        return {
            "id": str(id_),
            "monitor": name,
            "is_shown": str(id_) in cast(QueryDict, self.data).getlist("show"),
            "group": self.data.get(f"group_{id_}", "").strip()[:128],
            "name": self.data.get(f"name_{id_}", "").strip()[:128],
            "order": int(order) if order.isdecimal() and len(order) < 4 else 999,
        }

    def clean_logo_file(self) -> Any:
        file = self.cleaned_data["logo_file"]
        if file is not None and file.size > MAX_LOGO_BYTES:
            raise forms.ValidationError(f"At most {MAX_LOGO_BYTES // 1024} KiB.")
        return file

    def sent(self) -> dict[str, Any]:
        sent = dict(self.cleaned_data)
        file, empty = sent.pop("logo_file", None), sent.pop("no_password", False)
        if file is not None:
            sent["logo"] = as_data_address(file.read())
        if empty:
            sent["password"] = ""
        elif not sent.get("password"):
            sent.pop("password", None)
        groups: dict[str, list[dict[str, str]]] = {}
        for row in self.rows():
            if row["is_shown"]:
                groups.setdefault(row["group"], []).append({"monitor_id": row["id"], "name": row["name"]})
        sent["groups"] = [{"name": name, "monitors": monitors} for name, monitors in groups.items()]
        return sent


def as_data_address(content: bytes) -> str:
    return f"data:image/*;base64,{base64.b64encode(content).decode()}"


def status_pages(request: HttpRequest) -> HttpResponse:
    actor = page_actor(request)
    found = StatusPage.objects.visible_to(actor).annotate(
        monitors=Count("entries", distinct=True),
        open=Count("incidents", filter=Q(incidents__resolved_at=None), distinct=True),
    )
    page = cut_page(
        found.defer("logo", "css", "description").order_by("-id"),
        limit=ROWS_A_PAGE,
        cursor=read_cursor(request.GET),
    )
    return render(request, "status/list.html", {"section": "monitors", "page": page})


@reading_or_posting
def new(request: HttpRequest) -> HttpResponse:
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    return edited(request, actor, None)


@reading_or_posting
def edit(request: HttpRequest, page_id: UUID) -> HttpResponse:
    actor = page_actor(request)
    return edited(request, actor, reach_page(actor, page_id, Scope.MANAGE))


def edited(request: HttpRequest, actor: Actor, page: StatusPage | None) -> HttpResponse:
    """The editor. A POST saves, or shows what would be saved."""
    if request.method != "POST":
        return editor(request, StatusPageForm.of(actor, page), shown=None if page is None else as_it_is(page))
    form = StatusPageForm.of(actor, page, request.POST, request.FILES)
    if not form.is_valid():
        return editor(request, form, status=400)
    try:
        if "look" in request.POST:
            return editor(request, form, shown=preview_of(actor, form))
        made = kept(actor, page, form.judge.validated_data)
    except ValidationError as error:
        form.add_error(None, str(error))
        return editor(request, form, status=400)
    messages.success(request, "Saved. Readers see it within seconds.")
    return redirect("pages:status-page", made.id)


def as_it_is(page: StatusPage) -> dict[str, Any]:
    return page_context(public_view(page, now=timezone.now()), Place(address="", base=f"/status/{page.slug}"))


def preview_of(actor: Actor, form: StatusPageForm) -> dict[str, Any]:
    """The page as it would be: saved, read, and taken back. Raises ValidationError."""
    with transaction.atomic():
        # A row of its own: the form's stays what it is in the database.
        saved = None if form.instance is None else StatusPage.objects.get(id=form.instance.id)
        page = kept(actor, saved, form.judge.validated_data)
        shown = as_it_is(page)
        transaction.set_rollback(True)
    return shown


@reading_or_posting
def preview(request: HttpRequest, page_id: UUID) -> HttpResponse:
    """The preview alone, for the editor that asks with each change."""
    actor = page_actor(request)
    page = reach_page(actor, page_id, Scope.MANAGE)
    form = StatusPageForm.of(actor, page, request.POST, request.FILES)
    if request.method != "POST" or not form.is_valid():
        # What is half typed has no preview; the one before stays.
        return HttpResponse(status=204)
    return render(request, "status/_preview.html", {"shown": preview_of(actor, form)})


def editor(
    request: HttpRequest,
    form: StatusPageForm,
    *,
    shown: dict[str, Any] | None = None,
    problem: str = "",
    typed: QueryDict | None = None,
    status: int = 200,
) -> HttpResponse:
    """`problem` says what is wrong with an incident, `typed` what was given of it."""
    page = form.instance
    context = {
        "section": "monitors",
        "form": form,
        "status_page": page,
        "incidents": page.incidents.order_by("-started_at", "-id")[:INCIDENTS_SHOWN] if page else [],
        "impacts": IncidentImpact.choices,
        "statuses": IncidentStatus.choices,
        "shown": shown,
        "problem": problem,
        "typed": typed or {"impact": IncidentImpact.MINOR},
        "listening": page.subscribers.confirmed().count() if page else 0,
    }
    return render(request, "status/edit.html", context, status=status)


@reading_or_posting
def delete(request: HttpRequest, page_id: UUID) -> HttpResponse:
    if request.method == "POST":
        page = reach_page(page_actor(request), page_id, Scope.MANAGE)
        remove_page(page)
        messages.success(request, f"{page.name} is removed.")
    return redirect("pages:status-pages")


def said_in(request: HttpRequest) -> dict[str, Any]:
    # A box that is not ticked is not sent.
    return {**request.POST.dict(), "notify": "notify" in request.POST}


@reading_or_posting
def tell(request: HttpRequest, page_id: UUID) -> HttpResponse:
    """Tell of an incident."""
    actor = page_actor(request)
    page = reach_page(actor, page_id, Scope.MANAGE)
    if request.method == "POST":
        asked = StatusIncidentSerializer(data=said_in(request))
        if not asked.is_valid():
            return editor(
                request,
                StatusPageForm.of(actor, page),
                problem="Say what it is, and how it stands.",
                typed=request.POST,
                status=400,
            )
        open_incident(page, **asked.validated_data, now=timezone.now())
        messages.success(request, "Told.")
    return redirect("pages:status-page", page_id)


@reading_or_posting
def update(request: HttpRequest, page_id: UUID, incident_id: UUID) -> HttpResponse:
    """Say how an incident goes on."""
    actor = page_actor(request)
    page = reach_page(actor, page_id, Scope.MANAGE)
    incident = get_object_or_404(StatusIncident, id=incident_id, page=page)
    if request.method == "POST":
        asked = StatusUpdateSerializer(data=said_in(request))
        if not asked.is_valid():
            return editor(request, StatusPageForm.of(actor, page), problem="Say how it goes on.", status=400)
        say(incident, **asked.validated_data, now=timezone.now())
        messages.success(request, "Told.")
    return redirect("pages:status-page", page_id)


@reading_or_posting
def remove_incident(request: HttpRequest, page_id: UUID, incident_id: UUID) -> HttpResponse:
    """Take back what was told by mistake; what subscribers are yet to hear of it, too."""
    page = reach_page(page_actor(request), page_id, Scope.MANAGE)
    if request.method == "POST":
        take_back(get_object_or_404(StatusIncident, id=incident_id, page=page))
        messages.success(request, "The incident is removed.")
    return redirect("pages:status-page", page_id)


# --- Badges ------------------------------------------------------------------------------------------------


@reading_or_posting
def badges(request: HttpRequest, monitor_id: UUID) -> HttpResponse:
    """A monitor's badges with their addresses. A POST opens them by a new key, or closes them."""
    actor = page_actor(request)
    scope = Scope.MANAGE if request.method == "POST" else Scope.READ
    monitor = reach_monitor(actor, monitor_id, scope)
    if request.method == "POST":
        if request.POST.get("do") == "close":
            MonitorBadge.objects.filter(monitor=monitor).delete()
        else:
            new_badge(monitor)
        return redirect("pages:monitor-badges", monitor_id)
    found = MonitorBadge.objects.filter(monitor=monitor).first()
    looks = BadgeLooks(request.GET or None)
    query = looks.query()
    context = {
        "section": "monitors",
        "monitor": monitor,
        "may_manage": actor.may(Scope.MANAGE, monitor.organization_id),
        "badges": [
            (what, f"{address}{query}", f"/badge/{found.key}/{what}.svg{query}")
            for what, address in addresses_of(found).items()
        ]
        if found
        else [],
        "looks": looks,
    }
    return render(request, "status/badges.html", context)


class BadgeLooks(forms.Form):
    """What an address may ask of a badge, chosen with a look at it."""

    label = forms.CharField(required=False, max_length=60)
    color = forms.CharField(
        label="Colour",
        required=False,
        max_length=20,
        help_text="As brightgreen or 2f6fdb; else by its state.",
    )
    style = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Flat"),
            ("flat-square", "Flat, square"),
            ("plastic", "Plastic"),
            ("for-the-badge", "For the badge"),
            ("social", "Social"),
        ],
    )

    def query(self) -> str:
        """What goes behind the address; empty for none."""
        chosen = self.cleaned_data if self.is_bound and self.is_valid() else {}
        asked = urlencode({name: value for name, value in chosen.items() if value})
        return f"?{asked}" if asked else ""
