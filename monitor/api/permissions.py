"""Whether the actor may do what the view's action asks."""

from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from monitor.access.recent import must_confirm
from monitor.api.authentication import actor_of, person_of_session
from monitor.audit import concern
from monitor.lib.actors import Actor, Scope
from monitor.models import Service

KEY_OR_SIGN_IN = "Send an API key as 'Authorization: Bearer mkey_…', or sign in."
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def scope_for(view: Any, method: str) -> Scope:
    """The scope a view needs: its `scopes[METHOD]`, else read for reading and manage for changing."""
    wanted: dict[str, Scope] = getattr(view, "scopes", {})
    return wanted.get(method, Scope.READ if method in SAFE_METHODS else Scope.MANAGE)


def require(actor: Actor, scope: Scope, organization_id: UUID | None = None) -> None:
    """Raises NotAuthenticated for strangers and PermissionDenied for known actors without the scope."""
    if actor.may(scope, organization_id):
        if organization_id is not None:
            concern(organization_id)
        return
    if actor.is_anonymous:
        raise NotAuthenticated(KEY_OR_SIGN_IN)
    raise PermissionDenied(f"This needs the scope '{scope}'.", code="scope_missing")


def require_recent(request: Request) -> None:
    """Raises PermissionDenied for a session that began too long ago to make keys; keys and tokens pass."""
    if must_confirm(request._request, person_of_session(request)):
        raise PermissionDenied("You signed in too long ago: confirm who you are.", code="sign_in_again")


class ActorMayPass(BasePermission):
    """Lets through who holds the scope in some organization; `reachable_service` then checks in which."""

    def has_permission(self, request: Request, view: Any) -> bool:
        require(actor_of(request), scope_for(view, request.method or "GET"))
        return True


def reach_service(actor: Actor, service_id: UUID, scope: Scope) -> Service:
    """The service, when the actor may do this to it.

    404 when it is in none of the actor's organizations, 403 when it is but the scope is missing there
    or the key belongs to another service.
    """
    reachable = Service.objects.alive().with_retention().filter(organization__in=list(actor.grants))
    service = reachable.filter(id=service_id).first()
    if service is None:
        raise Http404("No such service.")
    check_service(actor, service, scope)
    return service


def check_service(actor: Actor, service: Service, scope: Scope) -> None:
    """Raises PermissionDenied unless the actor may do this to a service of its organizations."""
    if actor.service_id not in (None, service.id):
        raise PermissionDenied("This API key belongs to another service.", code="other_service")
    require(actor, scope, service.organization_id)
