"""Who runs this installation: superusers, and staff whom the admin gives the same thing to do."""

from django.contrib.auth.models import User
from rest_framework.exceptions import NotAuthenticated, PermissionDenied

from monitor.lib.actors import Actor

OPERATORS_ALONE = "Plans are made and given by the operators of this installation."
SIGN_IN = "Sign in as an operator of this installation, or send a personal token of one."


def is_operator(actor: Actor, permission: str) -> bool:
    """Whether a person calls who holds this permission in the admin, as `change_plan`: keys stand for
    organizations, and no organization has a say over how much it may ask."""
    if actor.user_id is None:
        return False
    person = User.objects.filter(is_active=True, id=actor.user_id).first()
    if person is None:
        return False
    return person.is_superuser or (person.is_staff and person.has_perm(f"monitor.{permission}"))


def require_operator(actor: Actor, permission: str) -> None:
    """Raises NotAuthenticated for visitors and PermissionDenied for all who are no operators."""
    if actor.is_anonymous:
        raise NotAuthenticated(SIGN_IN)
    if not is_operator(actor, permission):
        raise PermissionDenied(OPERATORS_ALONE, code="operators_alone")
