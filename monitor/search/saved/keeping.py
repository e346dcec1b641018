"""Keep, change and reach saved views. Who may: see `may_share`."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404, QueryDict
from rest_framework.exceptions import NotAuthenticated, PermissionDenied, ValidationError

from monitor.api.permissions import KEY_OR_SIGN_IN, SAFE_METHODS
from monitor.lib.actors import Actor, Scope
from monitor.models import Organization, RequestLog, SavedView
from monitor.models.views import MAX_QUERY_CHARS
from monitor.search.columns import NAMES as COLUMN_NAMES
from monitor.search.filters import TextLogFilter, refusal
from monitor.search.presets import preset_named

NAME_PROMISE = "saved_view_name_once"
SHARE_MISSING = "Views of the team are kept and changed by its members; viewers use them."


class NameTaken(Exception):
    """There is a view of this name already, of this person or of the team."""

    def __init__(self) -> None:
        super().__init__("There is a view of this name already.")


def may_share(actor: Actor, organization_id: UUID) -> bool:
    """Whether the actor may keep and change views of the team: members and above, and keys that manage."""
    if actor.service_id is not None:
        return False
    is_member = actor.user_id is not None and actor.may(Scope.REPLAY, organization_id)
    return is_member or actor.may(Scope.MANAGE, organization_id)


def require_share(actor: Actor, organization_id: UUID) -> None:
    if may_share(actor, organization_id):
        return
    if actor.is_anonymous:
        raise NotAuthenticated(KEY_OR_SIGN_IN)
    raise PermissionDenied(SHARE_MISSING, code="scope_missing")


def reach_view(actor: Actor, view_id: UUID, method: str) -> SavedView:
    """The view, when the actor may do this to it: 404 where it is not to be seen, else 403."""
    within = SavedView.objects.filter(organization__in=list(actor.grants))
    view = within.select_related("organization").filter(id=view_id).first()
    if view is None or view.owner_id not in (None, actor.user_id):
        raise Http404("No such view.")
    if actor.service_id is not None:
        raise PermissionDenied(
            "This API key belongs to one service; views are the team's.", code="other_service"
        )
    if view.is_team and method not in SAFE_METHODS:
        require_share(actor, view.organization_id)
    return view


def keep_view(actor: Actor, *, organization: Organization, name: str, query: str, is_team: bool) -> SavedView:
    """A new view, the team's or the actor's own. Raises NameTaken, and what `tidy` raises."""
    if is_team:
        require_share(actor, organization.id)
    elif actor.user_id is None:
        raise ValidationError({"is_team": "Only people have views of their own: set it to true."})
    owner_id = None if is_team else actor.user_id
    with _unique_name():
        return SavedView.objects.create(
            organization=organization, owner_id=owner_id, name=name, query=tidy(query)
        )


def change_view(view: SavedView, **fields: str) -> SavedView:
    """The view with another name or query. Raises NameTaken, and what `tidy` raises."""
    if "query" in fields:
        fields["query"] = tidy(fields["query"])
    for name, value in fields.items():
        setattr(view, name, value)
    with _unique_name():
        view.save(update_fields=[*fields, "updated_at"])
    return view


def tidy(query: str) -> str:
    """The part of an address that a view keeps: filters, window and columns, which must be usable.

    Raises ValidationError, for `q` with the place of the token at fault.
    """
    if len(query) > MAX_QUERY_CHARS:
        raise ValidationError({"query": f"At most {MAX_QUERY_CHARS} characters."})
    asked = QueryDict(query.removeprefix("?"))
    filterset = TextLogFilter(asked, queryset=RequestLog.objects.none())
    if not filterset.is_valid():
        raise refusal(filterset)
    kept = {name: str(asked[name]) for name in filterset.filters if asked.get(name)}
    if preset_named(asked.get("window")) and not kept.keys() & {"since", "until"}:
        kept["window"] = str(asked["window"])
    columns = [name for name in asked.get("columns", "").split(",") if name in COLUMN_NAMES]
    if columns:
        kept["columns"] = ",".join(columns)
    return urlencode(kept)


@contextmanager
def _unique_name() -> Iterator[None]:
    """A savepoint that turns the broken promise about names into NameTaken."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if NAME_PROMISE in str(error):
            raise NameTaken() from error
        raise
