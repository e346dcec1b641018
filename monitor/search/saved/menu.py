"""The menu of saved views on the log table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from monitor.access.gate import page_actor
from monitor.api.paths import uuid_or_none
from monitor.models import Organization, SavedView
from monitor.search.saved.keeping import may_share

# More do not fit a menu; the API lists all.
MOST = 100


@dataclass(frozen=True, kw_only=True)
class Entry:
    view: SavedView
    address: str
    is_current: bool
    may_change: bool


@dataclass(frozen=True, kw_only=True)
class Menu:
    """`homes` are the organizations that a new view of the team may go to."""

    mine: Sequence[Entry]
    team: Sequence[Entry]
    homes: Sequence[Organization]
    may_have_own: bool

    @property
    def current(self) -> Entry | None:
        return next((entry for entry in [*self.mine, *self.team] if entry.is_current), None)

    @property
    def may_keep(self) -> bool:
        return self.may_have_own or bool(self.homes)


def address_of(view: SavedView) -> str:
    """The log table with the view. It names the view, so that a changed search can be put into it."""
    together = f"{view.query}&view={view.id}" if view.query else f"view={view.id}"
    return f"{reverse('pages:logs')}?{together}"


def menu_for(request: HttpRequest) -> dict[str, Any]:
    actor = page_actor(request)
    current = uuid_or_none(request.GET.get("view"))
    shareable = [id_ for id_ in actor.organizations() if may_share(actor, id_)]
    entries = [
        Entry(
            view=view,
            address=address_of(view),
            is_current=view.id == current,
            may_change=not view.is_team or view.organization_id in shareable,
        )
        for view in SavedView.objects.visible_to(actor).order_by("name", "id")[:MOST]
    ]
    menu = Menu(
        mine=[entry for entry in entries if not entry.view.is_team],
        team=[entry for entry in entries if entry.view.is_team],
        homes=list(Organization.objects.filter(id__in=shareable).order_by("name")),
        may_have_own=actor.user_id is not None,
    )
    return {"views": menu}
