"""Who has a say over people: persons by their role, and never a key."""

from uuid import UUID

from django.contrib.auth.models import User
from rest_framework.exceptions import NotAuthenticated, PermissionDenied

from monitor.api.permissions import require
from monitor.lib.actors import Actor, Role, Scope
from monitor.models import Membership
from monitor.people.invitations import ORDER

SIGN_IN = "Only people have a say over people: sign in, or send a personal token."


def role_in(actor: Actor, organization_id: UUID) -> Role | None:
    """The person's role as it is now; a superuser owns every organization."""
    if actor.user_id is None:
        return None
    if User.objects.filter(id=actor.user_id, is_active=True, is_superuser=True).exists():
        return Role.OWNER
    found = Membership.objects.filter(user_id=actor.user_id, organization_id=organization_id).first()
    return Role(found.role) if found else None


def require_say(actor: Actor, organization_id: UUID, *roles: str) -> None:
    """Raises PermissionDenied unless the person manages the organization and stands at or above these roles.

    Keys manage services, and with them whatever holds the key: a key that made owners would be one.
    """
    require(actor, Scope.MANAGE, organization_id)
    own = role_in(actor, organization_id)
    if actor.is_anonymous:
        raise NotAuthenticated(SIGN_IN)
    if own is None:
        raise PermissionDenied(SIGN_IN, code="not_for_keys")
    if any(ORDER.index(Role(role)) > ORDER.index(own) for role in roles):
        raise PermissionDenied("Your role does not reach that far.", code="permission_denied")


def require_owner(actor: Actor, organization_id: UUID) -> None:
    require_say(actor, organization_id, Role.OWNER)
